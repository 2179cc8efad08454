package import NIOCore

/// Counts a listener's connections against its ceiling.
///
/// Isolation: any thread.
package final class ConnectionCount: Sendable {
    private struct State {
        var openChannels = 0
        var slots = 0
    }

    private let monitor = Monitor(State())
    private let max: Int

    package init(max: Int) {
        self.max = max
    }

    /// Counts a channel in.
    ///
    /// - Returns: the connection's slot, to keep as long as anything of the connection is left; nil, and nothing is
    ///   counted, where the ceiling is reached.
    package func admit(_ channel: any Channel) -> ConnectionSlot? {
        let isAdmitted = monitor.withLock { state in
            guard state.slots < max else { return false }
            state.slots += 1
            state.openChannels += 1
            return true
        }
        guard isAdmitted else { return nil }
        channel.closeFuture.whenComplete { _ in
            self.monitor.withLock { $0.openChannels -= 1 }
            self.monitor.wakeAll()
        }
        return ConnectionSlot(count: self)
    }

    /// Blocks until every channel is closed, or to the deadline.
    package func waitForNone(until deadline: ContinuousClock.Instant) {
        _ = monitor.wait(until: deadline) { $0.openChannels == 0 ? true : nil }
    }

    fileprivate func releaseSlot() {
        monitor.withLock { $0.slots -= 1 }
    }
}

/// One place below a listener's ceiling, given back with its last reference.
package final class ConnectionSlot: Sendable {
    private let count: ConnectionCount

    fileprivate init(count: ConnectionCount) {
        self.count = count
    }

    deinit {
        count.releaseSlot()
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
