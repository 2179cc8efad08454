#if JetStream
internal import CNATS
private import Glibc
private import NIOConcurrencyHelpers
internal import Platform
internal import ReplicatedLedger

/// A connection to a NATS cluster, and the requests without a reply.
///
/// The client reconnects by itself, to any of the servers. Its callbacks hand replies over and do nothing else.
///
/// Isolation: any thread. The C client may be called by several threads at once.
final class NATSConnection: Sendable {
    /// A reply to a request.
    struct Reply: Sendable {
        /// Of the headers; nil for a plain reply.
        var status: String?
        var sequence: UInt64?
        var subject: String?
        var bytes: [UInt8]
    }

    private struct Request {
        var deadline: ContinuousClock.Instant
        /// Takes a reply, or nil after the deadline; returns whether it was the last.
        private let receive: @Sendable (Reply?) -> Bool
        /// Held while a reply is taken: a reply may arrive at the deadline, and only one of them counts.
        private let isOver = NIOLockedValueBox(false)

        init(deadline: ContinuousClock.Instant, receive: @escaping @Sendable (Reply?) -> Bool) {
            self.deadline = deadline
            self.receive = receive
        }

        /// Takes a reply, or nil after the deadline, unless the last one was taken.
        ///
        /// - Returns: whether it is over.
        func take(_ reply: Reply?) -> Bool {
            isOver.withLockedValue { isOver in
                if !isOver { isOver = receive(reply) || reply == nil }
                return isOver
            }
        }
    }

    private struct State {
        var last: UInt64 = 0
        var requests: [UInt64: Request] = [:]
    }

    /// Why there is no connection.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let didChange: @Sendable (EngineEvent) -> Void
    /// The address of the C client's connection, which it locks itself.
    private let address: UInt
    private let inbox: String
    private let state = Monitor(State())

    /// Connects, until the process ends; blocks.
    ///
    /// - Parameters:
    ///   - isOnly: whether other servers of the cluster are never used.
    ///   - identity: the paths of the roots, the certificate and its key; nil connects without TLS.
    ///   - didChange: called on a thread of the client; must not block.
    /// - Throws: ``Failure``.
    init(
        servers: [Endpoint], isOnly: Bool = false, identity: (roots: String, certificate: String, key: String)?,
        name: String,
        didChange: @escaping @Sendable (EngineEvent) -> Void
    ) throws(Failure) {
        self.didChange = didChange
        inbox = "_INBOX.q\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
        var options: OpaquePointer?
        var connection: OpaquePointer?
        try Self.check(natsOptions_Create(&options))
        defer { natsOptions_Destroy(options) }
        let addresses = servers.map { "\(identity == nil ? "nats" : "tls")://\($0)" }
        try Self.check(Self.set(options, servers: addresses))
        if let identity {
            try Self.check(natsOptions_SetSecure(options, true))
            try Self.check(natsOptions_LoadCATrustedCertificates(options, identity.roots))
            try Self.check(natsOptions_LoadCertificatesChain(options, identity.certificate, identity.key))
        }
        try Self.check(natsOptions_SetIgnoreDiscoveredServers(options, isOnly))
        try Self.check(natsOptions_SetName(options, name))
        try Self.check(natsOptions_SetTimeout(options, 2000))
        try Self.check(natsOptions_SetMaxReconnect(options, -1))
        try Self.check(natsOptions_SetReconnectWait(options, 100))
        try Self.check(natsOptions_SetReconnectJitter(options, 100, 100))
        // A server that is paused answers no ping: the client finds that out in three seconds.
        try Self.check(natsOptions_SetPingInterval(options, 1000))
        try Self.check(natsOptions_SetMaxPingsOut(options, 2))
        try Self.check(natsOptions_SetWriteDeadline(options, 2000))
        try Self.check(natsOptions_SetIOBufSize(options, 1 << 20))
        let context = Unmanaged.passRetained(Callbacks(didChange))
        // The client calls back until the process ends, so neither object is ever released.
        try Self.check(natsOptions_SetDisconnectedCB(options, Callbacks.disconnected, context.toOpaque()))
        try Self.check(natsOptions_SetReconnectedCB(options, Callbacks.connected, context.toOpaque()))
        try Self.check(natsOptions_SetErrorHandler(options, Callbacks.failed, context.toOpaque()))
        try Self.check(natsConnection_Connect(&connection, options))
        guard let connection else { throw Failure(description: "there is no connection") }
        address = UInt(bitPattern: connection)
        try subscribe("\(inbox).*") { [self] in receive($0) }
        didChange(.connected(server: Self.server(connection)))
        NamedThread("nats-deadlines") { [state] in Self.expireRequests(state) }.detach()
    }

    /// Takes messages on a thread of the client, until the process ends.
    ///
    /// - Parameter pending: the most messages that may wait for `receive`; -1: any number.
    private func subscribe(
        _ subject: String, pending: Int32 = -1, _ receive: @escaping @Sendable (OpaquePointer) -> Void
    ) throws(Failure) {
        var subscription: OpaquePointer?
        // Never released, as the callbacks.
        let subscriber = Unmanaged.passRetained(Subscriber(receive))
        try Self.check(
            natsConnection_Subscribe(
                &subscription, connection, subject,
                { _, _, message, context in
                    guard let message, let context else { return }
                    defer { natsMsg_Destroy(message) }
                    Unmanaged<Subscriber>.fromOpaque(context).takeUnretainedValue().receive(message)
                }, subscriber.toOpaque()))
        try Self.check(natsSubscription_SetPendingLimits(subscription, pending, -1))
    }

    /// Takes the messages of a subject, until the process ends; some may get lost.
    ///
    /// - Parameter receive: called on a thread of the client; must not block.
    /// - Throws: ``Failure``.
    func listen(_ subject: String, then receive: @escaping @Sendable ([UInt8]) -> Void) throws(Failure) {
        try subscribe(subject, pending: 100) { receive(Reply($0).bytes) }
    }

    /// Sends a message without a reply; it may get lost.
    func tell(_ subject: String, _ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { natsConnection_Publish(connection, subject, $0.baseAddress, Int32($0.count)) }
    }

    /// Goes to another server of the cluster: this one answers nothing.
    ///
    /// The C client has no call for that. It connects to the next server when its connection is lost. On a thread of its own,
    /// since the client may hold its lock for seconds while it connects.
    func leaveServer() {
        NamedThread("nats-leave") { [self] in
            var host: UnsafeMutablePointer<CChar>?
            var port: Int32 = 0
            guard natsConnection_GetLocalIPAndPort(connection, &host, &port) == NATS_OK else { return }
            free(host)
            let server = Self.server(connection)
            didChange(.failed("\(server) has not answered for a while, going to another server"))
            ClientSocket.shutDown(localPort: Int(port))
        }.detach()
    }

    private var connection: OpaquePointer? { OpaquePointer(bitPattern: address) }

    /// The largest message that the server takes, in bytes.
    var maxPayload: Int { Int(natsConnection_GetMaxPayload(connection)) }

    // MARK: Requests

    /// Sends a request that has several replies, until `receive` returns true.
    ///
    /// - Parameter receive: called on a thread of the client, with nil at the deadline; must not block.
    func request(
        _ subject: String, _ bytes: [UInt8], header: (name: String, value: String)? = nil, seconds: Double,
        then receive: @escaping @Sendable (Reply?) -> Bool
    ) {
        let deadline = ContinuousClock.now + .seconds(seconds)
        let id = state.withLock { state -> UInt64 in
            state.last += 1
            state.requests[state.last] = Request(deadline: deadline, receive: receive)
            return state.last
        }
        var message: OpaquePointer?
        let status = bytes.withUnsafeBytes { bytes -> natsStatus in
            natsMsg_Create(
                &message, subject, "\(inbox).\(id)", bytes.bindMemory(to: CChar.self).baseAddress,
                Int32(bytes.count))
        }
        defer { natsMsg_Destroy(message) }
        let isSent =
            status == NATS_OK
            && (header.map { natsMsgHeader_Set(message, $0.name, $0.value) == NATS_OK } ?? true)
            && natsConnection_PublishMsg(connection, message) == NATS_OK
        if !isSent, let request = state.withLock({ $0.requests.removeValue(forKey: id) }) { _ = request.take(nil) }
    }

    /// Sends a request with one reply; nil after the deadline.
    func ask(
        _ subject: String, _ bytes: [UInt8], header: (name: String, value: String)? = nil, seconds: Double,
        then receive: @escaping @Sendable (Reply?) -> Void
    ) {
        request(subject, bytes, header: header, seconds: seconds) { reply in
            receive(reply)
            return true
        }
    }

    private func receive(_ message: OpaquePointer) {
        guard let name = natsMsg_GetSubject(message).map({ String(cString: $0) }),
            let id = UInt64(name.dropFirst(inbox.utf8.count + 1)),
            let request = state.withLock({ $0.requests[id] })
        else { return }
        if request.take(Reply(message)) { state.withLock { $0.requests[id] = nil } }
    }

    /// The body of the thread that ends requests without a reply.
    private static func expireRequests(_ state: Monitor<State>) {
        while true {
            let expired = state.withLock { state -> [Request] in
                let now = ContinuousClock.now
                let ids = state.requests.filter { $0.value.deadline <= now }.keys
                return ids.compactMap { state.requests.removeValue(forKey: $0) }
            }
            for request in expired { _ = request.take(nil) }
            _ = state.wait(until: .now + .milliseconds(100)) { _ -> Bool? in nil }
        }
    }

    // MARK: The C client

    private static func set(_ options: OpaquePointer?, servers: [String]) -> natsStatus {
        let copies = servers.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var pointers = copies.map { UnsafePointer<CChar>($0) }
        return natsOptions_SetServers(options, &pointers, Int32(pointers.count))
    }

    private static func check(_ status: natsStatus) throws(Failure) {
        guard status != NATS_OK else { return }
        let detail = nats_GetLastError(nil).map { String(cString: $0) } ?? ""
        let text = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        throw Failure(description: detail.isEmpty ? text : "\(text): \(detail)")
    }

    fileprivate static func server(_ connection: OpaquePointer?) -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard let connection, natsConnection_GetConnectedUrl(connection, &name, name.count) == NATS_OK else {
            return "unknown"
        }
        let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.split(separator: "/").last.map(String.init) ?? text
    }
}

extension NATSConnection.Reply {
    fileprivate init(_ message: OpaquePointer) {
        func header(_ name: String) -> String? {
            var value: UnsafePointer<CChar>?
            guard natsMsgHeader_Get(message, name, &value) == NATS_OK, let value else { return nil }
            return String(cString: value)
        }
        status = header("Status")
        sequence = header("Nats-Sequence").flatMap { UInt64($0) }
        subject = header("Nats-Subject")
        let count = Int(natsMsg_GetDataLength(message))
        bytes = Array(UnsafeRawBufferPointer(start: natsMsg_GetData(message), count: count))
    }
}

/// The function that the C client calls with the messages of a subscription.
private final class Subscriber: Sendable {
    let receive: @Sendable (OpaquePointer) -> Void

    init(_ receive: @escaping @Sendable (OpaquePointer) -> Void) { self.receive = receive }
}

/// The functions that the C client calls when its connection changes.
private final class Callbacks: Sendable {
    private let didChange: @Sendable (EngineEvent) -> Void

    init(_ didChange: @escaping @Sendable (EngineEvent) -> Void) { self.didChange = didChange }

    static let connected: natsConnectionHandler = { connection, context in
        own(context)?.didChange(.connected(server: NATSConnection.server(connection)))
    }

    static let disconnected: natsConnectionHandler = { connection, context in
        var text: UnsafePointer<CChar>?
        _ = natsConnection_GetLastError(connection, &text)
        let reason = text.map { String(cString: $0) } ?? ""
        own(context)?.didChange(.disconnected(reason: reason.isEmpty ? "the server closed the connection" : reason))
    }

    static let failed: natsErrHandler = { connection, _, status, context in
        var text: UnsafePointer<CChar>?
        _ = natsConnection_GetLastError(connection, &text)
        let detail = text.map { String(cString: $0) } ?? ""
        own(context)?.didChange(
            .failed(detail.isEmpty ? String(cString: natsStatus_GetText(status)) : detail))
    }

    private static func own(_ context: UnsafeMutableRawPointer?) -> Callbacks? {
        context.map { Unmanaged<Callbacks>.fromOpaque($0).takeUnretainedValue() }
    }
}
#endif
