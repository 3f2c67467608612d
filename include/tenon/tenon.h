// Everything of Tenon's public C++ API.
#pragma once
#include "tenon/allocator.h"
#include "tenon/custom_op.h"
#include "tenon/dtype.h"
#include "tenon/error.h"
#include "tenon/export.h"
#include "tenon/plugin.h"
#include "tenon/provider.h"
#include "tenon/session.h"
#include "tenon/value.h"
