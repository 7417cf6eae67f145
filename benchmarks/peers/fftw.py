"""The 2-D transform of the system's FFTW: single precision, FFTW_MEASURE, any number of threads."""
import ctypes

FORWARD, MEASURE = -1, 0

_fftw = ctypes.CDLL("libfftw3f.so.3", mode=ctypes.RTLD_GLOBAL)
_threads = ctypes.CDLL("libfftw3f_threads.so.3")
_fftw.fftwf_malloc.restype = _fftw.fftwf_plan_dft_2d.restype = ctypes.c_void_p
_fftw.fftwf_malloc.argtypes = [ctypes.c_size_t]
_fftw.fftwf_plan_dft_2d.argtypes = [
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint,
]
_fftw.fftwf_execute.argtypes = [ctypes.c_void_p]

__version__ = (
    (ctypes.c_char * 64).in_dll(_fftw, "fftwf_version").value.decode().removeprefix("fftw-")
)


def transform(side, threads):
    """(x, y, call): two arrays, and the call that transforms x into y; kept to the end."""
    import numpy as np

    if not _threads.fftwf_init_threads():
        raise SystemExit("fftw: no threads")
    _threads.fftwf_plan_with_nthreads(threads)
    memory = [_fftw.fftwf_malloc(8 * side * side) for _ in range(2)]
    plan = _fftw.fftwf_plan_dft_2d(side, side, *memory, FORWARD, MEASURE)
    if not all(memory) or not plan:
        raise SystemExit(f"fftw: no plan for {side} x {side}")
    x, y = (
        np.frombuffer((ctypes.c_char * (8 * side * side)).from_address(at), np.complex64).reshape(
            side, side
        )
        for at in memory
    )
    return x, y, lambda: _fftw.fftwf_execute(plan)
