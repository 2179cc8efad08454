import Glibc
import NIOConcurrencyHelpers
import Platform
import TestKit

/// A TCP proxy that cuts each connection after some bytes from its client, so that agencies move on.
///
/// Isolation: a thread for accepting, and two for each connection.
final class CuttingProxy: Sendable {
    let port: Int
    private let listener: Int32
    private let count: NIOLockedValueBox<Int>

    /// - Parameter bytes: from a client, in one connection.
    init(to target: Endpoint, after bytes: ClosedRange<Int>) throws {
        let (listener, count) = (socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), NIOLockedValueBox(0))
        guard TestSocket.call(bind, listener, host: "127.0.0.1", port: 0) == 0, listen(listener, 64) == 0 else {
            throw TestSocket.Failure.connect(errno)
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        self.count = count
        NamedThread("proxy") {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Self.serve(client, target, Int.random(in: bytes), count)
            }
        }.detach()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The connections that were cut.
    var cuts: Int { count.withLockedValue { $0 } }

    private static func serve(_ client: Int32, _ target: Endpoint, _ limit: Int, _ count: NIOLockedValueBox<Int>) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard TestSocket.call(connect, server, host: target.host, port: target.port) == 0 else {
            close(client)
            close(server)
            return
        }
        let answers = NamedThread("proxy-answers") {
            copy(server, client, limit: .max)
            shutdown(client, Int32(SHUT_RDWR))
        }
        NamedThread("proxy-requests") {
            if copy(client, server, limit: limit) { count.withLockedValue { $0 += 1 } }
            shutdown(server, Int32(SHUT_RDWR))
            answers.join()
            close(client)
            close(server)
        }.detach()
    }

    /// Copies bytes until the end, or until the limit.
    ///
    /// - Returns: whether the limit was reached.
    @discardableResult
    private static func copy(_ source: Int32, _ target: Int32, limit: Int) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        var copied = 0
        while copied < limit {
            let count = recv(source, &buffer, min(buffer.count, limit - copied), 0)
            guard count > 0, send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { return false }
            copied += count
        }
        return true
    }
}
