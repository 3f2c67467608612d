// The one ordered list of rewrites. Order is meaning: what a row makes, later rows of its level see.
#include "passes/pass.h"

namespace tenon::passes {

namespace eliminate_cast {
extern const Rule kRule;
}
namespace eliminate_dropout {
extern const Rule kRule;
}
namespace eliminate_identity {
extern const Rule kRule;
}
namespace eliminate_noop {
extern const Rule kRule;
}
namespace eliminate_view {
extern const Rule kRule;
}
namespace merge_transposes {
extern const Rule kRule;
}
namespace swap_where {
extern const Rule kRule;
}
namespace fold_conv_bn {
extern const Rule kRule;
}
namespace fold_conv_scale {
extern const Rule kRule;
}
namespace matmul_add_to_gemm {
extern const Rule kRule;
}
namespace fuse_gelu {
extern const Rule kOnnx, kContrib;
}
namespace fuse_conv_add {
extern const Rule kRule;
}
namespace fuse_conv_activation {
extern const Rule kRule, kMore;
}
namespace fuse_gemm_activation {
extern const Rule kRule;
}
namespace fuse_matmul_transpose {
extern const Rule kRule;
}
namespace fuse_matmul_scale {
extern const Rule kRule;
}
namespace fuse_matmul_bias {
extern const Rule kBias, kActivation;
}
namespace eliminate_dead {
extern const Transformation kTransformation;
}
namespace fold_constants {
extern const Transformation kTransformation;
}
namespace fold_shape_chain {
extern const Transformation kTransformation;
}
namespace inline_if {
extern const Transformation kTransformation;
}
namespace merge_duplicates {
extern const Transformation kTransformation;
}

std::span<const PipelineRow> pipeline() {
  static const PipelineRow kRows[] = {
      // Level 1: ONNX in, ONNX out.
      {.rule = &eliminate_identity::kRule},
      {.rule = &eliminate_dropout::kRule},
      {.transformation = &fold_constants::kTransformation},
      {.transformation = &inline_if::kTransformation},
      {.transformation = &fold_shape_chain::kTransformation},
      {.rule = &eliminate_cast::kRule},
      {.rule = &eliminate_view::kRule},
      {.rule = &eliminate_noop::kRule},
      {.rule = &merge_transposes::kRule},
      {.rule = &swap_where::kRule},
      {.transformation = &eliminate_dead::kTransformation},
      {.transformation = &merge_duplicates::kTransformation},
      {.rule = &fold_conv_bn::kRule},
      {.rule = &fold_conv_scale::kRule},
      {.rule = &fuse_gelu::kOnnx},
      {.rule = &matmul_add_to_gemm::kRule},
      // Level 2: com.microsoft ops that ORT's CPU runs.
      {.rule = &fuse_gelu::kContrib},
      {.rule = &fuse_conv_add::kRule},
      {.rule = &fuse_conv_activation::kRule},
      {.rule = &fuse_gemm_activation::kRule},
      {.rule = &fuse_matmul_transpose::kRule},
      {.rule = &fuse_matmul_scale::kRule},
      // Level 99: ops that only Tenon runs.
      {.rule = &fuse_conv_activation::kMore},
      {.rule = &fuse_matmul_bias::kBias},
      {.rule = &fuse_matmul_bias::kActivation},
  };
  return kRows;
}

}  // namespace tenon::passes
