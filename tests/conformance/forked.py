"""Runs a function over items in child processes, so that a crash or a hang is a result like any other."""
import os
import pickle
import select
import signal
import struct


def forked_map(function, items, timeout_s=60.0):
    """[function(item)] in order. Where a child dies, or one item takes longer than timeout_s, the result is a string that says so,
    and a new child goes on with the next item. What `function` returns must pickle."""
    results = []
    while len(results) < len(items):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(function, items[len(results):], read, write)
        os.close(write)
        why = _collect(read, results, len(items), timeout_s, pid)
        os.close(read)
        _, status = os.waitpid(pid, 0)
        if len(results) < len(items):
            results.append(why or (f"crash: {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status)
                                   else f"crash: exit status {os.WEXITSTATUS(status)}"))
    return results


def _child(function, items, read, write):
    code = 1
    try:
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            for item in items:
                data = pickle.dumps(function(item))
                pipe.write(struct.pack("<Q", len(data)) + data)
                pipe.flush()
        code = 0
    finally:
        os._exit(code)


def _collect(read, results, count, timeout_s, pid):
    """Appends what the child sends until it ends. Returns why it was ended, None where it ended by itself."""
    while len(results) < count:
        head = _receive(read, 8, timeout_s)
        if head is None:
            os.kill(pid, signal.SIGKILL)
            return f"hang: more than {timeout_s:g} s"
        if len(head) < 8:
            return None
        results.append(pickle.loads(_receive(read, struct.unpack("<Q", head)[0], timeout_s)))
    return None


def _receive(read, size, timeout_s):
    """`size` bytes, fewer at the end of the stream, None after timeout_s without any."""
    data = b""
    while len(data) < size:
        if not select.select([read], [], [], timeout_s)[0]:
            return None
        more = os.read(read, size - len(data))
        if not more:
            break
        data += more
    return data
