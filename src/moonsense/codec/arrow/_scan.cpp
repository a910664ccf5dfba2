// What scan.py calls: Python objects to what _scan.hpp works on, and back.

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <new>
#include <utility>

#include "_scan.hpp"

namespace {

using namespace scan;

// A Python error is set.
struct Error {};

PyObject *checked(PyObject *object) {
    if (object == nullptr) throw Error();
    return object;
}

string_view utf8(PyObject *text) {
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    if (data == nullptr) throw Error();
    return {data, static_cast<std::size_t>(size)};
}

Py_ssize_t size_of(PyObject *tuple) {
    auto size = PyTuple_Size(tuple);
    if (size < 0) throw Error();
    return size;
}

PyObject *part(PyObject *tuple, Py_ssize_t place) { return checked(PyTuple_GetItem(tuple, place)); }

// The bytes of an object, which stay where they are as long as this is there.
class Bytes {
  public:
    explicit Bytes(PyObject *object) {
        if (PyObject_GetBuffer(object, &buffer_, PyBUF_SIMPLE) < 0) throw Error();
    }
    Bytes(const Bytes &) = delete;
    Bytes &operator=(const Bytes &) = delete;
    ~Bytes() { PyBuffer_Release(&buffer_); }

    string_view view() const { return {static_cast<const char *>(buffer_.buf), static_cast<std::size_t>(buffer_.len)}; }

  private:
    Py_buffer buffer_;
};

struct Text {
    explicit Text(PyObject *pair) : bytes(part(pair, 0)), source(utf8(part(pair, 1))) {}

    Bytes bytes;
    string_view source;
};

long number_of(PyObject *object) {
    long value = PyLong_AsLong(object);
    if (value == -1 && PyErr_Occurred()) throw Error();
    return value;
}

Field field_of(PyObject *described) {
    Field field{};
    auto kind = utf8(part(described, 1));
    field.kind = kind == "wide_int" ? Kind::Wide
                 : kind == "int"    ? Kind::Int
                 : kind == "float"  ? Kind::Float
                                    : Kind::Double;
    field.head = "\"" + std::string(utf8(part(described, 0))) + (field.kind == Kind::Wide ? "\":\"" : "\":");
    field.wanted = number_of(part(described, 2)) != 0;
    return field;
}

List list_of(PyObject *described) {
    List list{};
    list.name = utf8(part(described, 0));
    list.use = static_cast<Use>(number_of(part(described, 1)));
    list.has_texts = number_of(part(described, 2)) != 0;
    PyObject *fields = part(described, 3);
    for (Py_ssize_t place = 0; place < size_of(fields); ++place)
        list.fields.push_back(field_of(part(fields, place)));
    return list;
}

PyObject *bytes_of(string_view text) {
    return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

template <class T> PyObject *bytes_of(const std::vector<T> &values) {
    return bytes_of(string_view(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)));
}

template <class Many, class Make> PyObject *list_from(const Many &many, Make make) {
    PyObject *list = PyList_New(static_cast<Py_ssize_t>(many.size()));
    Py_ssize_t place = 0;
    for (auto &one : many) {
        PyObject *made = list == nullptr ? nullptr : make(one);
        if (made == nullptr) {
            Py_XDECREF(list);
            return nullptr;
        }
        PyList_SetItem(list, place++, made);
    }
    return list;
}

PyObject *column_of(const Field &field) {
    auto width = field.width();
    PyObject *column = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(field.values.size() * width));
    if (column == nullptr) return nullptr;
    char *to = PyBytes_AsString(column);
    for (auto &value : field.values) to = static_cast<char *>(std::memcpy(to, &value, width)) + width;
    return column;
}

PyObject *result_of(const List &list) {
    switch (list.use) {
    case Use::Columns:
        return Py_BuildValue("NN", bytes_of(list.counts), list_from(list.fields, column_of));
    case Use::Text:
        return list_from(list.texts, [](string_view text) { return bytes_of(text); });
    default:
        Py_RETURN_NONE;
    }
}

PyObject *scanned(PyObject *texts, PyObject *lists, PyObject *singles, bool rests) {
    Wanted wanted{};
    wanted.rests = rests;
    for (Py_ssize_t place = 0; place < size_of(lists); ++place)
        wanted.lists.push_back(list_of(part(lists, place)));
    for (Py_ssize_t place = 0; place < size_of(singles); ++place)
        wanted.singles.emplace_back(utf8(part(singles, place)));
    if (wanted.lists.empty() || wanted.lists.size() > 64) {
        PyErr_SetString(PyExc_ValueError, "from 1 to 64 lists");
        throw Error();
    }
    std::deque<Text> pieces;  // in which nothing moves
    for (Py_ssize_t place = 0; place < PyList_Size(texts); ++place)
        pieces.emplace_back(checked(PyList_GetItem(texts, place)));
    Result result{};
    std::vector<std::int64_t> lines;
    bool is_odd = false, is_full = false;
    Py_BEGIN_ALLOW_THREADS
    try {
        for (auto &text : pieces) lines.push_back(read_lines(text.bytes.view(), text.source, wanted, result));
    } catch (const Odd &) {
        is_odd = true;
    } catch (const std::bad_alloc &) {
        is_full = true;
    }
    Py_END_ALLOW_THREADS
    if (is_full) throw std::bad_alloc();
    if (is_odd) Py_RETURN_NONE;
    return Py_BuildValue(
        "NNNNNN", bytes_of(result.envelopes), bytes_of(result.sessions),
        list_from(result.ids, [](const std::string &id) {
            return PyUnicode_FromStringAndSize(id.data(), static_cast<Py_ssize_t>(id.size()));
        }),
        list_from(wanted.lists, result_of), list_from(result.rests, [](string_view rest) { return bytes_of(rest); }),
        list_from(lines, PyLong_FromLongLong));
}

PyObject *call(PyObject *, PyObject *arguments) {
    PyObject *texts, *lists, *singles;
    int rests;
    if (!PyArg_ParseTuple(arguments, "O!O!O!p", &PyList_Type, &texts, &PyTuple_Type, &lists, &PyTuple_Type, &singles,
                          &rests))
        return nullptr;
    try {
        return scanned(texts, lists, singles, rests != 0);
    } catch (const Error &) {
        return nullptr;
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

PyMethodDef functions[] = {
    {"scan", call, METH_VARARGS, "scan(texts, lists, singles, rests): see scan.py"},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef description = {
    PyModuleDef_HEAD_INIT, "_scan", "Lines of NDJSON to columns of numbers.", 0, functions,
    nullptr, nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__scan() { return PyModuleDef_Init(&description); }
