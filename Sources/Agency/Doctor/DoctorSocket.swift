import Glibc
import Platform
import Shell

/// A blocking TCP connection that sends exactly the given bytes, one segment for each call.
///
/// Isolation: one thread.
final class DoctorSocket {
    enum Received {
        case bytes([UInt8])
        case end
        /// Nothing arrived in time.
        case silence
    }

    private let fd: Int32

    /// Connects; blocks until the system's own timeout.
    ///
    /// - Throws: ``DoctorError`` if no address accepts the connection.
    init(_ endpoint: Endpoint) throws(DoctorError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        guard code == 0 else {
            throw DoctorError(address: endpoint, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        var reason = "no address"
        var candidate = list
        while let address = candidate?.pointee {
            let fd = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
            if fd >= 0, connect(fd, address.ai_addr, address.ai_addrlen) == 0 {
                // Each send becomes its own segment.
                var one: Int32 = 1
                setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                self.fd = fd
                return
            }
            reason = SystemCall.errorText(errno)
            if fd >= 0 { close(fd) }
            candidate = address.ai_next
        }
        throw DoctorError(address: endpoint, reason: reason)
    }

    deinit {
        close(fd)
    }

    /// Returns false if the peer has closed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func receive(within time: Duration) -> Received {
        var descriptor = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        let milliseconds = time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
        guard poll(&descriptor, 1, Int32(clamping: max(0, milliseconds))) > 0 else { return .silence }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { recv(fd, $0.baseAddress, $0.count, 0) }
        return count > 0 ? .bytes(Array(bytes[..<count])) : .end
    }
}

/// The reason the doctor cannot begin.
struct DoctorError: ProgramError, CustomStringConvertible {
    var address: Endpoint
    var reason: String
    var exit: ProgramExit { .tryLater }

    var description: String { "no connection to \(address): \(reason); is the server running?" }
}
