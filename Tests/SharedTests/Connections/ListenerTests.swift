import Connections
import Domain
import Glibc
import NIOConcurrencyHelpers
import NIOCore
import Platform
import TestKit
import Testing

struct ListenerTests {
    /// The handler of a connection; it does nothing.
    private final class Idle: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }

    /// Returns the receive buffer of a socket after a request for 256 KiB, which the system rounds and limits.
    private static func receiveBytes() -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        var (bytes, size) = (Int32(256 << 10), socklen_t(MemoryLayout<Int32>.size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, size)
        getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size)
        return Int(bytes)
    }

    @Test("the receive buffer of a connection is 256 KiB and does not grow with the TCP window")
    func receiveBuffer() throws {
        let loops = try EventLoops(
            count: 1, connections: ConnectionCount(max: 10, maxPerAddress: 10), sweepInterval: .seconds(1),
            readBytes: 1024, makeLoop: { _, _ in 0 }, sweep: { _ in })
        defer { loops.end() }
        let accepted = Monitor<Result<Int, any Error>?>(nil)
        let any = Endpoint(host: "127.0.0.1", port: 0)
        let listener = try Listener(any, Listener.Setup(key: "test", busy: []), on: loops) { _, connection in
            accepted.withLock { accepted in
                accepted = Result { Int(try connection.channel.syncOptions?.getOption(.socketOption(.so_rcvbuf)) ?? 0) }
            }
            accepted.wakeAll()
            return Idle()
        }
        defer { listener.stopAccepting() }
        let socket = try TestSocket(try #require(Endpoint(listener.address)))
        let bytes = try #require(accepted.wait(until: .now + .seconds(10)) { $0 }).get()
        #expect(bytes == Self.receiveBytes())
        withExtendedLifetime(socket) {}
    }
}
