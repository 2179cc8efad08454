package import Glibc
package import Platform
package import WireProtocol

/// A blocking TCP connection that sends exactly the given bytes, valid or not.
///
/// Isolation: one thread at a time.
package final class TestSocket: Sendable {
    package enum Failure: Error, Equatable {
        case connect(Int32)
        case send(Int32)
        /// Nothing arrived within the deadline.
        case timeout
        /// The peer closed inside a message, or instead of one.
        case closed
    }

    private let fd: Int32

    /// Connects to a numeric IPv4 address.
    ///
    /// - Parameter source: the source address, for example `127.0.0.2`.
    package init(_ endpoint: Endpoint, from source: String? = nil, receiveSeconds: Int = 30) throws {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let isBound = source.map { Self.call(bind, fd, host: $0, port: 0) == 0 } ?? true
        let host = endpoint.host == "0.0.0.0" ? "127.0.0.1" : endpoint.host
        if !isBound || Self.call(connect, fd, host: host, port: endpoint.port) != 0 {
            let code = errno
            close(fd)
            throw Failure.connect(code)
        }
        var timeout = timeval(tv_sec: receiveSeconds, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }

    /// Calls bind(2) or connect(2) with a numeric IPv4 address.
    package static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ fd: Int32, host: String, port: Int
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
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

    /// Shuts down the sending side.
    package func shutDownOutput() {
        shutdown(fd, Int32(SHUT_WR))
    }

    /// Closes both directions at once with a reset.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        shutdown(fd, Int32(SHUT_RDWR))
    }

    /// Waits for exactly `count` bytes.
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

    /// Waits for one read of the socket, of any length.
    ///
    /// - Returns: the bytes; empty if the peer has closed.
    package func receiveOnce(maxBytes: Int = 65_536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: maxBytes)
        let received = bytes.withUnsafeMutableBytes { recv(fd, $0.baseAddress, $0.count, 0) }
        if received < 0 { throw errno == EAGAIN ? Failure.timeout : Failure.closed }
        return Array(bytes[..<received])
    }

    /// Waits for the next message.
    package func receiveMessage() throws -> Message {
        let length = try receive(4).reduce(0) { $0 << 8 | Int($1) }
        return try Message(frame: try receive(length))
    }

    /// Reads until the peer closes.
    ///
    /// - Returns: the bytes received before.
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
