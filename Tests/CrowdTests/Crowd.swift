import Glibc
import Platform
import TestKit

/// Many connections of one process, each of which sends a byte occasionally or waits.
///
/// Isolation: one thread. Sockets do not block.
final class Crowd {
    private(set) var sockets: [Int32] = []
    private var received: [Int] = []
    /// Connections that the service closed.
    private(set) var closedCount = 0

    deinit {
        closeAll()
    }

    /// Opens `count` more connections.
    ///
    /// - Returns: the number that were opened.
    @discardableResult
    func connect(_ count: Int, to endpoint: Endpoint, from source: String = "127.0.0.1") -> Int {
        for index in 0..<count {
            guard let socket = Self.connect(to: endpoint, from: source) else { return index }
            sockets.append(socket)
            received.append(0)
        }
        return count
    }

    /// Opens one connection; nil if that fails.
    static func connect(to endpoint: Endpoint, from source: String = "127.0.0.1") -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        // The port is chosen by connect(2), so it may be shared with connections to other destinations.
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &one, 4)
        guard TestSocket.call(bind, descriptor, host: source, port: 0) == 0,
            TestSocket.call(Glibc.connect, descriptor, host: "127.0.0.1", port: endpoint.port) == 0
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Sends bytes on a connection; bytes that do not fit into its send buffer are dropped.
    func send(_ bytes: ArraySlice<UInt8>, on index: Int) {
        _ = bytes.withUnsafeBytes {
            Glibc.send(sockets[index], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }

    /// Reads the received bytes of all connections.
    ///
    /// - Returns: the number of connections that have received at least `byteCount` bytes.
    func receive(atLeast byteCount: Int) -> Int {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var done = 0
        for index in sockets.indices {
            while received[index] < byteCount {
                let count = recv(sockets[index], &buffer, buffer.count, Int32(MSG_DONTWAIT))
                if count == 0 { closedCount += 1 }
                guard count > 0 else { break }
                received[index] += count
            }
            if received[index] >= byteCount { done += 1 }
        }
        return done
    }

    func closeAll() {
        for socket in sockets { close(socket) }
        sockets = []
        received = []
    }
}
