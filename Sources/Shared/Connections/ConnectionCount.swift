package import NIOCore
import Platform

/// The number of a service's connections, checked against its limits: in total, and from one address.
///
/// Connections of dialects, which send no HELLO, take at most three quarters of the slots, so that native agencies
/// always find one.
///
/// Isolation: any thread.
package final class ConnectionCount: Sendable {
    private struct State {
        var openChannels = 0
        var slots = 0
        var dialectSlots = 0
        /// Connections that are being sent `busy`.
        var turningAway = 0
        var slotsOfAddress: [String: Int] = [:]
    }

    private let monitor = Monitor(State())
    package let max: Int
    private let maxPerAddress: Int
    private let maxDialectSlots: Int
    /// Each has a descriptor that no other limit counts.
    private static let maxTurningAway = 32

    package init(max: Int, maxPerAddress: Int) {
        maxDialectSlots = max - max / 4
        self.max = max
        self.maxPerAddress = maxPerAddress
    }

    /// Counts a channel against the limits.
    ///
    /// - Returns: the connection's slot, to keep as long as anything of the connection is left; nil if a limit is
    ///   reached.
    package func admit(_ channel: any Channel, isNative: Bool = true) -> ConnectionSlot? {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let isAdmitted = monitor.withLock { state in
            guard state.slots < max, state.slotsOfAddress[address, default: 0] < maxPerAddress,
                isNative || state.dialectSlots < maxDialectSlots
            else { return false }
            state.slots += 1
            if !isNative { state.dialectSlots += 1 }
            state.slotsOfAddress[address, default: 0] += 1
            state.openChannels += 1
            return true
        }
        guard isAdmitted else { return nil }
        channel.closeFuture.whenComplete { _ in
            self.monitor.withLock { $0.openChannels -= 1 }
            self.monitor.wakeAll()
        }
        return ConnectionSlot(count: self, address: address, isNative: isNative)
    }

    /// Sends `busy` to a connection and closes it, or closes it at once if many are being sent that.
    func turnAway(_ channel: any Channel, with busy: [UInt8]) -> EventLoopFuture<Void> {
        let isTold = monitor.withLock { state in
            guard state.turningAway < Self.maxTurningAway else { return false }
            state.turningAway += 1
            return true
        }
        guard isTold else { return channel.close() }
        channel.closeFuture.whenComplete { _ in self.monitor.withLock { $0.turningAway -= 1 } }
        channel.writeAndFlush(ByteBuffer(bytes: busy)).whenComplete { _ in channel.close(promise: nil) }
        return channel.eventLoop.makeSucceededVoidFuture()
    }

    /// The admitted connections.
    package var count: Int { monitor.withLock(\.slots) }

    /// Blocks until every channel is closed, or 400 ms.
    package func waitForNone() {
        _ = monitor.wait(until: .now + .milliseconds(400)) { $0.openChannels == 0 ? true : nil }
    }

    fileprivate func releaseSlot(_ address: String, isNative: Bool) {
        monitor.withLock { state in
            state.slots -= 1
            if !isNative { state.dialectSlots -= 1 }
            let left = state.slotsOfAddress[address, default: 1] - 1
            state.slotsOfAddress[address] = left > 0 ? left : nil
        }
    }
}

/// One admitted connection, released with its last reference.
package final class ConnectionSlot: Sendable {
    private let count: ConnectionCount
    private let address: String
    private let isNative: Bool

    fileprivate init(count: ConnectionCount, address: String, isNative: Bool) {
        self.count = count
        self.address = address
        self.isNative = isNative
    }

    deinit {
        count.releaseSlot(address, isNative: isNative)
    }
}

extension SocketAddress {
    /// For example `127.0.0.1:12345`.
    package var hostAndPort: String {
        guard let ipAddress, let port else { return "\(self)" }
        return Endpoint(host: ipAddress, port: port).description
    }
}
