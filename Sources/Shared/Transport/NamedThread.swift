private import CLinux
private import Glibc

/// A thread of its own for work that blocks: workers, the committer, the signal watcher.
package struct NamedThread: Sendable {
    private let handle: pthread_t

    /// Starts a thread.
    ///
    /// - Parameter name: what `top -H` and `perf` show, at most 15 characters.
    /// - Precondition: the system has room for a thread; without one nothing of the service can run.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
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
        precondition(result == 0, "pthread_create: \(SystemCall.errorText(result))")
        self.handle = handle
    }

    /// Blocks until the thread's body has returned.
    ///
    /// Each thread is joined or detached, once.
    package func join() {
        pthread_join(handle, nil)
    }

    /// Lets the thread end by itself, with nobody waiting for it.
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
