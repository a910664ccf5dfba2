/* Whether lines are JSON objects, without making anything of them: see objects.py.

   What is here taken for an object is one by RFC 8259, and any reader takes it.
   Not all that is one is taken: halves of surrogates, numbers and nesting that
   some reader might refuse are left to one. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#define DEEPEST 32
#define MOST_DIGITS 18

/* Each of these gives where what it is named after ends, or NULL where it is not.
   None needs to know where the text ends: it ends with a newline, which is part
   of nothing that is looked for. */

static const char *blanks(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\r') ++at;
    return at;
}

static const char *literal(const char *at, const char *letters) {
    for (; *letters != '\0'; ++at, ++letters)
        if (*at != *letters) return NULL;
    return at;
}

/* A letter that is not ASCII, in UTF-8 (RFC 3629, section 4). */
static const char *letter(const char *at) {
    unsigned char first = (unsigned char)at[0], least = 0x80, most = 0xBF;
    int more;
    if (first >= 0xC2 && first <= 0xDF) more = 1;
    else if (first >= 0xE0 && first <= 0xEF) more = 2;
    else if (first >= 0xF0 && first <= 0xF4) more = 3;
    else return NULL;
    if (first == 0xE0) least = 0xA0;
    if (first == 0xED) most = 0x9F;
    if (first == 0xF0) least = 0x90;
    if (first == 0xF4) most = 0x8F;
    for (++at; more > 0; --more, ++at, least = 0x80, most = 0xBF)
        if ((unsigned char)*at < least || (unsigned char)*at > most) return NULL;
    return at;
}

/* What follows a backslash. */
static const char *escape(const char *at) {
    int code = 0;
    switch (*at) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return at + 1;
    case 'u': break;
    default: return NULL;
    }
    for (int place = 1; place <= 4; ++place) {
        char digit = at[place];
        if (digit >= '0' && digit <= '9') code = code * 16 + digit - '0';
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') code = code * 16 + (digit | 0x20) - 'a' + 10;
        else return NULL;
    }
    return code >= 0xD800 && code <= 0xDFFF ? NULL : at + 5;
}

static const char *text(const char *at) {
    if (*at++ != '"') return NULL;
    while (at != NULL) {
        unsigned char here = (unsigned char)*at;
        if (here == '"') return at + 1;
        if (here < 0x20) return NULL;
        if (here == '\\') at = escape(at + 1);
        else at = here < 0x80 ? at + 1 : letter(at);
    }
    return NULL;
}

static const char *digits(const char *at) {
    const char *begin = at;
    while (*at >= '0' && *at <= '9') ++at;
    return at == begin ? NULL : at;
}

static const char *number(const char *at) {
    if (*at == '-') ++at;
    const char *begin = at;
    at = digits(at);
    if (at == NULL || at - begin > MOST_DIGITS || (*begin == '0' && at - begin > 1)) return NULL;
    if (*at == '.') {
        at = digits(at + 1);
        if (at == NULL) return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        ++at;
        if (*at == '+' || *at == '-') ++at;
        begin = at;
        at = digits(at);
        if (at == NULL || at - begin > 2) return NULL;
    }
    return at;
}

static const char *value(const char *at, int depth);

static const char *array(const char *at, int depth) {
    at = blanks(at + 1);
    if (*at == ']') return at + 1;
    for (;;) {
        at = value(at, depth);
        if (at == NULL) return NULL;
        at = blanks(at);
        if (*at == ']') return at + 1;
        if (*at != ',') return NULL;
        at = blanks(at + 1);
    }
}

static const char *object(const char *at, int depth) {
    if (*at != '{') return NULL;
    at = blanks(at + 1);
    if (*at == '}') return at + 1;
    for (;;) {
        at = text(at);
        if (at == NULL) return NULL;
        at = blanks(at);
        if (*at != ':') return NULL;
        at = value(blanks(at + 1), depth);
        if (at == NULL) return NULL;
        at = blanks(at);
        if (*at == '}') return at + 1;
        if (*at != ',') return NULL;
        at = blanks(at + 1);
    }
}

static const char *value(const char *at, int depth) {
    switch (*at) {
    case '"': return text(at);
    case '{': return depth < DEEPEST ? object(at, depth + 1) : NULL;
    case '[': return depth < DEEPEST ? array(at, depth + 1) : NULL;
    case 't': return literal(at, "true");
    case 'f': return literal(at, "false");
    case 'n': return literal(at, "null");
    default: return number(at);
    }
}

static PyObject *count(PyObject *module, PyObject *lines) {
    char *at;
    Py_ssize_t size, found = 0;
    (void)module;
    if (PyBytes_AsStringAndSize(lines, &at, &size) < 0) return NULL;
    if (size > 0 && at[size - 1] != '\n') Py_RETURN_NONE;
    for (const char *next = at, *end = at + size; next < end; ++next, ++found) {
        next = object(blanks(next), 1);
        if (next == NULL) Py_RETURN_NONE;
        next = blanks(next);
        if (*next != '\n') Py_RETURN_NONE;
    }
    return PyLong_FromSsize_t(found);
}

static PyMethodDef functions[] = {
    {"count", count, METH_O, "count(lines): see objects.py"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef description = {
    PyModuleDef_HEAD_INIT, "_objects", "Lines of NDJSON looked at.", 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__objects(void) { return PyModuleDef_Init(&description); }
