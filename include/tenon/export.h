// TENON_API: marks what libtenon.so exports. All else is compiled with hidden visibility.
#pragma once

#define TENON_API __attribute__((visibility("default")))
