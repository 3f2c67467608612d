"""The exceptions of Tenon, one class per status code, named as in onnxruntime. All derive from `Error`, which is a RuntimeError:
onnxruntime raises plain RuntimeError from OrtValue and IOBinding.

`str(e)` reads "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : what was expected, what was found"."""


class Error(RuntimeError):
    """Base of all. `reason` is None, "out_of_memory", "cancelled", "deadline" or "limit"; `limit` names the limit that was hit."""

    code = 1
    code_name = "FAIL"

    def __init__(self, message="", reason=None, limit=None):
        super().__init__(f"[ONNXRuntimeError] : {self.code} : {self.code_name} : {message}")
        self.message, self.reason, self.limit = message, reason, limit

    def __reduce__(self):
        return type(self), (self.message, self.reason, self.limit)


class Fail(Error):
    """An operator or the run failed, or the run was ended."""


class InvalidArgument(Error):
    """A feed, an output name or an option is wrong."""

    code, code_name = 2, "INVALID_ARGUMENT"


class NoSuchFile(Error):
    """The model or its external data is not there."""

    code, code_name = 3, "NO_SUCHFILE"


class NoModel(Error):
    """There is no model to work on."""

    code, code_name = 4, "NO_MODEL"


class EngineError(Error):
    """A provider's own engine failed."""

    code, code_name = 5, "ENGINE_ERROR"


class RuntimeException(Error):
    """Something that should not happen did."""

    code, code_name = 6, "RUNTIME_EXCEPTION"


class InvalidProtobuf(Error):
    """The bytes are no ONNX model."""

    code, code_name = 7, "INVALID_PROTOBUF"


class ModelLoaded(Error):
    """The model was loaded already."""

    code, code_name = 8, "MODEL_LOADED"


class NotImplemented(Error):  # noqa: A001, the name that onnxruntime has
    """An operator, a type or a function that Tenon does not have."""

    code, code_name = 9, "NOT_IMPLEMENTED"


class InvalidGraph(Error):
    """The model breaks a rule of ONNX."""

    code, code_name = 10, "INVALID_GRAPH"


class EPFail(Error):
    """An execution provider failed."""

    code, code_name = 11, "EP_FAIL"


class ModelLoadCanceled(Error):
    """The load was ended through its cancellation flag."""

    code, code_name = 12, "MODEL_LOAD_CANCELED"


class ModelRequiresCompilation(Error):
    """The model must be compiled first, and the session's options forbid that."""

    code, code_name = 13, "MODEL_REQUIRES_COMPILATION"


class NotFound(Error):
    """What was asked for by name does not exist."""

    code, code_name = 14, "NOT_FOUND"


class DeviceReset(Error):
    """A device was lost and has to be set up again."""

    code, code_name = 15, "DEVICE_RESET"


class MissingInputs(InvalidArgument, ValueError):
    """A run was not given every required input (a ValueError in onnxruntime). `missing` and `given` are lists of names."""

    def __init__(self, missing, given):
        super().__init__(f"Required inputs ({missing}) are missing from input feed ({given})")
        self.missing, self.given = missing, given

    def __reduce__(self):
        return type(self), (self.missing, self.given)


__all__ = [name for name, item in globals().items() if isinstance(item, type) and issubclass(item, Error)]
