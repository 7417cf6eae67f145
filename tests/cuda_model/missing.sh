#!/bin/sh
echo "SKIP: the host model of CUDA needs a C++ compiler, and no sanitizer of threads or memory"
exit 77
