private import CLinux
private import Glibc

/// A dedicated thread for work that blocks: workers, the committer, the signal watcher.
package struct NamedThread: Sendable {
    private let handle: pthread_t

    /// Starts a thread; if the system has no room for it, reports that on standard error and ends the process with 70.
    ///
    /// Threads are started while a program starts, before anything is acknowledged. If one is missing, the program cannot
    /// run.
    ///
    /// - Parameter name: the name that `top -H` and `perf` show, at most 15 characters.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        do throws(ResourceLimitError) {
            try self.init(trying: name, body)
        } catch {
            SystemCall.writeAll(Array("Error: \(error)\n".utf8), to: STDERR_FILENO)
            _exit(70)
        }
    }

    /// Starts a thread.
    ///
    /// - Throws: ``ResourceLimitError`` if the system has no room for it.
    init(trying name: String, _ body: @escaping @Sendable () -> Void) throws(ResourceLimitError) {
        precondition(name.utf8.count <= 15, "thread name \(name) has more than 15 characters")
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw ResourceLimitError(
                "the thread \(name) cannot be started: \(SystemCall.errorText(result)); see ulimit -u (processes and "
                    + "threads of this user), ulimit -v (address space), and the pids limit of a container")
        }
        self.handle = handle
    }

    /// Blocks until the thread's body has returned.
    ///
    /// Each thread is joined or detached exactly once.
    package func join() {
        pthread_join(handle, nil)
    }

    /// Lets the thread end by itself, without being joined.
    package func detach() {
        pthread_detach(handle)
    }
}

private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
