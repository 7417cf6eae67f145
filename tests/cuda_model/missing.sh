#!/bin/sh
echo "SKIP: no C++ compiler, or a sanitizer of threads or memory: the host model of CUDA is left out"
exit 77
