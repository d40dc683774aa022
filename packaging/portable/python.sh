# CPython, all its C modules in one archive, and `portable`: that archive with main.c in the place of CPython's own. Sourced by compiled.py.
#
# $stage has zlib and OpenSSL; $crypt the source of crypt_r; $host is empty or the build for this machine's CPU, whose interpreter
# another CPU's build needs. `python` is made for that alone. Odd: musl gives a thread 128 KiB of stack, too little for Python.
left_out=(
  _asyncio _bz2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _ctypes _curses _curses_panel _dbm _decimal _gdbm
  _interpchannels _interpqueues _interpreters _lsprof _lzma _multibytecodec _multiprocessing _posixshmem _scproxy _sqlite3 _tkinter _uuid
  _zoneinfo cmath mmap readline syslog termios
)
for name in "${left_out[@]}"; do export "py_cv_module_$name=n/a"; done
cp "$recipes/ctypes.c" Modules/ctypes_static.c
cp "$crypt/src/_crypt_r.c" Modules/_crypt_r.c
cp "$recipes/main.c" Programs/portable.c
printf '*static*\nctypes ctypes_static.c\n_crypt_r _crypt_r.c\n' >Modules/Setup.local
options=(
  --disable-shared --disable-test-modules --without-ensurepip --without-doc-strings --without-mimalloc --without-readline
  --with-openssl="$stage" --with-openssl-rpath=no --prefix=/usr --with-pkg-config=no
)
if [ -n "$host" ]; then
  options+=(--host="$arch-linux-musl" --build=x86_64-linux-gnu --with-build-python="$host/python")
  # what cannot be tried here, and is so with this C library wherever it can
  options+=(ac_cv_buggy_getaddrinfo=no ac_cv_working_tzset=yes ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no)
fi
# the compiler's wrapper has the flags: what is given here would be found in the program
MODULE_BUILDTYPE=static CC=zcc AR=zar RANLIB=zranlib READELF=readelf \
  ZLIB_CFLAGS="-I$stage/include" ZLIB_LIBS="-L$stage/lib -lz" LDFLAGS="-Wl,-z,stack-size=0x200000" \
  CPPFLAGS="-DTHREAD_STACK_SIZE=0x100000" ./configure -q "${options[@]}"
cat >portable.mk <<'M'
include Makefile
portable: Programs/portable.o $(LINK_PYTHON_DEPS)
	$(LINKCC) $(PY_CORE_LDFLAGS) $(LINKFORSHARED) -s -o $@ Programs/portable.o $(LINK_PYTHON_OBJS) $(LIBS) $(MODLIBS) $(SYSLIBS)
Programs/portable.o: Programs/portable.c $(PYTHON_HEADERS)
	$(CC) $(PY_CORE_CFLAGS) -c -o $@ Programs/portable.c
M
make -s -j"$jobs" -f portable.mk portable
[ -n "$host" ] || make -s -j"$jobs" -f portable.mk python
