// Reference kernels: plain loops in double, written for reading, linked by tests only.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/gemm_int8.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace tenon::reference {

/// Results, and for each the sum of magnitudes that it was added up from: the yardstick of its error.
struct Sums {
  std::vector<double> value, magnitude;
};

double activate(kernels::Activation f, double x, double p0, double p1);
double unary(kernels::Unary f, double x);
double binary(kernels::Binary f, double a, double b);

/// m x n values, before any rounding, from the C that args.c holds.
Sums gemm(const kernels::GemmArgs& args);
std::vector<int32_t> gemm_int8(const kernels::GemmInt8Args& args);
Sums conv(const kernels::ConvArgs& args);
Sums conv_transpose(const kernels::ConvArgs& args);
std::vector<double> attention(const kernels::AttentionArgs& args);

}  // namespace tenon::reference
