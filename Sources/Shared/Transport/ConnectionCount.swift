package import NIOCore

/// Counts a listener's open connections against its ceiling.
///
/// Isolation: any thread.
package final class ConnectionCount: Sendable {
    private let monitor = Monitor(0)
    private let max: Int

    package init(max: Int) {
        self.max = max
    }

    /// Counts a channel in until it closes.
    ///
    /// - Returns: false, and counts nothing, where the ceiling is reached.
    package func admit(_ channel: any Channel) -> Bool {
        let isAdmitted = monitor.withLock { count in
            guard count < max else { return false }
            count += 1
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { _ in
                self.monitor.withLock { $0 -= 1 }
                self.monitor.wakeAll()
            }
        }
        return isAdmitted
    }

    /// Blocks until every connection is closed, or to the deadline.
    package func waitForNone(until deadline: ContinuousClock.Instant) {
        _ = monitor.wait(until: deadline) { $0 == 0 ? true : nil }
    }
}

extension SocketAddress {
    /// For example `127.0.0.1:12345`.
    package var hostAndPort: String {
        guard let ipAddress, let port else { return "\(self)" }
        return Endpoint(host: ipAddress, port: port).description
    }
}

extension Channel {
    /// Sends a last word to a connection that is not let in, and closes it.
    package func refuse(with bytes: [UInt8]) -> EventLoopFuture<Void> {
        writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in self.close(promise: nil) }
        return eventLoop.makeSucceededVoidFuture()
    }
}
