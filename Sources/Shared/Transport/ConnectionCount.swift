package import NIOCore

/// Counts a service's connections against its ceilings: in all, and from one address.
///
/// Isolation: any thread.
package final class ConnectionCount: Sendable {
    private struct State {
        var openChannels = 0
        var slots = 0
        var slotsOfAddress: [String: Int] = [:]
    }

    private let monitor = Monitor(State())
    private let max: Int
    private let maxPerAddress: Int

    package init(max: Int, maxPerAddress: Int) {
        self.max = max
        self.maxPerAddress = maxPerAddress
    }

    /// Counts a channel in.
    ///
    /// - Returns: the connection's slot, to keep as long as anything of the connection is left; nil, and nothing is
    ///   counted, where a ceiling is reached.
    package func admit(_ channel: any Channel) -> ConnectionSlot? {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let isAdmitted = monitor.withLock { state in
            guard state.slots < max, state.slotsOfAddress[address, default: 0] < maxPerAddress else { return false }
            state.slots += 1
            state.slotsOfAddress[address, default: 0] += 1
            state.openChannels += 1
            return true
        }
        guard isAdmitted else { return nil }
        channel.closeFuture.whenComplete { _ in
            self.monitor.withLock { $0.openChannels -= 1 }
            self.monitor.wakeAll()
        }
        return ConnectionSlot(count: self, address: address)
    }

    /// Blocks until every channel is closed, or for what a stop may take.
    package func waitForNone() {
        _ = monitor.wait(until: .now + .milliseconds(400)) { $0.openChannels == 0 ? true : nil }
    }

    fileprivate func releaseSlot(_ address: String) {
        monitor.withLock { state in
            state.slots -= 1
            let left = state.slotsOfAddress[address, default: 1] - 1
            state.slotsOfAddress[address] = left > 0 ? left : nil
        }
    }
}

/// One place below the ceilings, given back with its last reference.
package final class ConnectionSlot: Sendable {
    private let count: ConnectionCount
    private let address: String

    fileprivate init(count: ConnectionCount, address: String) {
        self.count = count
        self.address = address
    }

    deinit {
        count.releaseSlot(address)
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
