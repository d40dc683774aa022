/*
 * The interpreter of the portable agent: CPython's library with a main of its own, linked statically.
 *
 * It finds its own folder, looks for modules there and nowhere else, and reads nothing of the caller's environment. Called as
 * `waagent` it runs the agent; by any other name it takes Python's arguments, because the service and the agent itself say
 * `python -u /usr/sbin/waagent -daemon`. Odd: the agent is told by an option `-X waagent_tools=` where its own `openssl` is, for
 * roots that have none. It stays out of the environment, which extensions inherit.
 */
#include <Python.h>
#include <limits.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char home[PATH_MAX];

/* The folder above the one that this program is in. Without /proc the name that it was called by has to do. */
static int find_home(const char *called)
{
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

    if (length > 0)
        own[length] = '\0';
    else if (strchr(called, '/') == NULL || realpath(called, own) == NULL)
        return -1;
    if (snprintf(home, sizeof(home), "%s", dirname(dirname(own))) >= (int)sizeof(home))
        return -1;
    return 0;
}

static const char *below(const char *name)
{
    static char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", home, name);
    return path;
}

static PyStatus configure(PyConfig *config, int argc, char **argv, int agent)
{
    PyStatus status;
    const wchar_t *library, *tools;
    char option[PATH_MAX + 64];
    wchar_t **places[] = {&config->home, &config->prefix, &config->exec_prefix, &config->base_prefix,
                          &config->base_exec_prefix};
    size_t i;

    config->install_signal_handlers = 1;
    config->write_bytecode = 0;
    config->site_import = 0;
    config->pathconfig_warnings = 0;
    config->parse_argv = !agent;
    for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
        status = PyConfig_SetBytesString(config, places[i], home);
        if (PyStatus_Exception(status))
            return status;
    }
    status = PyConfig_SetBytesString(config, &config->executable, below("bin/python"));
    if (PyStatus_Exception(status))
        return status;
    status = PyConfig_SetBytesString(config, &config->base_executable, below("bin/python"));
    if (PyStatus_Exception(status))
        return status;
    config->module_search_paths_set = 1;
    library = Py_DecodeLocale(below("lib/python3.13"), NULL);
    if (library == NULL)
        return PyStatus_NoMemory();
    status = PyWideStringList_Append(&config->module_search_paths, library);
    if (PyStatus_Exception(status))
        return status;
    snprintf(option, sizeof(option), "waagent_tools=%s", below("libexec"));
    tools = Py_DecodeLocale(option, NULL);
    if (tools == NULL)
        return PyStatus_NoMemory();
    status = PyWideStringList_Append(&config->xoptions, tools);
    if (PyStatus_Exception(status))
        return status;
    if (agent) {
        char *program = strdup(below("libexec/waagent"));

        if (program == NULL)
            return PyStatus_NoMemory();
        argv[0] = program;
        status = PyConfig_SetBytesString(config, &config->run_filename, program);
        if (PyStatus_Exception(status))
            return status;
    }
    return PyConfig_SetBytesArgv(config, argc, argv);
}

int main(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;
    PyStatus status;
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
    int agent = argc > 0 && strcmp(name ? name + 1 : argv[0], "waagent") == 0;

    if (argc < 1 || find_home(argv[0]) != 0) {
        fputs("waagent: cannot find its own folder: /proc is not mounted\n", stderr);
        return 1;
    }
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    PyConfig_InitIsolatedConfig(&config);
    status = configure(&config, argc, argv, agent);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        if (PyStatus_IsExit(status))
            return status.exitcode;
        Py_ExitStatusException(status);
    }
    return Py_RunMain();
}
