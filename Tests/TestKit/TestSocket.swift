import Glibc
package import Shared

/// A blocking TCP connection that sends exactly the bytes it is told to, however strange.
///
/// Isolation: one thread at a time.
package final class TestSocket: Sendable {
    package enum Failure: Error {
        case connect(Int32)
        case send(Int32)
        /// Nothing came within the deadline.
        case timeout
        /// The peer closed inside a message, or instead of one.
        case closed
    }

    private let fd: Int32

    /// Connects to a numeric IPv4 address.
    package init(_ endpoint: Endpoint, receiveSeconds: Int = 30) throws {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(endpoint.port).bigEndian
        address.sin_addr.s_addr = inet_addr(endpoint.host == "0.0.0.0" ? "127.0.0.1" : endpoint.host)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 {
            let code = errno
            close(fd)
            throw Failure.connect(code)
        }
        var timeout = timeval(tv_sec: receiveSeconds, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }

    deinit {
        close(fd)
    }

    package func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure.send(errno) }
            rest = rest.dropFirst(count)
        }
    }

    package func send(_ message: Message) throws {
        try send(message.encoded)
    }

    /// Ends the outgoing side.
    package func shutDownOutput() {
        shutdown(fd, Int32(SHUT_WR))
    }

    /// Closes both sides at once with a reset.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        shutdown(fd, Int32(SHUT_RDWR))
    }

    /// Waits for exactly so many bytes.
    package func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let start = done
            let received = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
                return recv(fd, rest.baseAddress, rest.count, 0)
            }
            if received == 0 { throw Failure.closed }
            if received < 0 {
                if errno == EINTR { continue }
                throw errno == EAGAIN ? Failure.timeout : Failure.closed
            }
            done += received
        }
        return bytes
    }

    /// Waits for the next message.
    package func receiveMessage() throws -> Message {
        let length = try receive(4).reduce(0) { $0 << 8 | Int($1) }
        return try Message(frame: try receive(length))
    }

    /// Waits for the peer's end.
    ///
    /// - Returns: whatever came before it.
    package func receiveToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            do {
                bytes += try receive(1)
            } catch Failure.closed {
                return bytes
            }
        }
    }
}
