/*
 * What the agent asks of `ctypes`, and no more: a statically linked program has no libraries to open. Built into the interpreter
 * under that name.
 *
 * `CDLL(None)` has inotify_init1 and inotify_add_watch; another name is an AttributeError, as with a C library that lacks it.
 * tests/packaging/test_portable.py compares this list with the agent's sources.
 */
#include <Python.h>
#include <errno.h>
#include <sys/inotify.h>

static int last_error; /* read by the thread that has just called, which holds the interpreter's lock */

static PyObject *init1(PyObject *self, PyObject *args)
{
    int flags, descriptor;

    if (!PyArg_ParseTuple(args, "i:inotify_init1", &flags))
        return NULL;
    descriptor = inotify_init1(flags);
    last_error = errno;
    return PyLong_FromLong(descriptor);
}

static PyObject *add_watch(PyObject *self, PyObject *args)
{
    const char *path;
    unsigned int mask;
    int descriptor, number;

    if (!PyArg_ParseTuple(args, "iyI:inotify_add_watch", &descriptor, &path, &mask))
        return NULL;
    number = inotify_add_watch(descriptor, path, mask);
    last_error = errno;
    return PyLong_FromLong(number);
}

static PyMethodDef library_methods[] = {
    {"inotify_init1", init1, METH_VARARGS, NULL},
    {"inotify_add_watch", add_watch, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int library_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "use_errno", NULL};
    PyObject *name;
    int use_errno = 0;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|p:CDLL", names, &name, &use_errno))
        return -1;
    if (name != Py_None) {
        PyErr_Format(PyExc_OSError, "%R: this interpreter opens no libraries", name);
        return -1;
    }
    return 0;
}

static PyTypeObject library = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "ctypes.CDLL",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = library_methods,
    .tp_init = library_init,
    .tp_new = PyType_GenericNew,
};

static PyObject *get_errno(PyObject *self, PyObject *unused)
{
    return PyLong_FromLong(last_error);
}

static PyMethodDef methods[] = {
    {"get_errno", get_errno, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ctypes",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_ctypes(void)
{
    PyObject *module;

    if (PyType_Ready(&library) < 0)
        return NULL;
    module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddObjectRef(module, "CDLL", (PyObject *)&library) < 0)
        Py_CLEAR(module);
    return module;
}
