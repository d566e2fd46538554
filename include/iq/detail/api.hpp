// What the shared library shows: what the public headers call, and what crosses it as an exception
// or as a base class. All else is hidden, see gnu_symbol_visibility in lib/meson.build.
#pragma once

#define IQ_API [[gnu::visibility("default")]]
