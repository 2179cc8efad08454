#if JetStream
private import Foundation
private import NIOConcurrencyHelpers
package import Platform
package import ReplicatedLedger

/// NATS JetStream as the engine of a replicated ledger.
///
/// Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference; the replies of server 2.15.
package final class JetStreamEngine: LedgerEngine {
    private let connection: NATSConnection
    private let replicas: Int
    private let identity: (roots: String, certificate: String, key: String)?
    /// Of the configuration.
    private let addresses: [Endpoint]
    private let name: String
    /// Connections to one server each; made when they are needed, and kept.
    private let single = NIOLockedValueBox<[Endpoint: JetStreamEngine]>([:])

    private let deadline = NIOLockedValueBox(PublishDeadline())
    private let patience: NIOLockedValueBox<ServerPatience>

    /// How long a read may take before it is asked again.
    private static let readSeconds = 1.0
    private static let makeSeconds = 5.0
    private static let maxMessages = 2048
    private static let maxBytes = 16 << 20

    /// Connects to one of the servers; blocks.
    ///
    /// - Parameters:
    ///   - isOnly: whether other servers of the cluster are never used.
    ///   - identity: paths of PEM files; nil for servers without TLS.
    ///   - replicas: the servers that store each message.
    ///   - didChange: called on a thread of the client; must not block.
    ///   - hear: takes what programs of the cluster tell; as `didChange`. Nil: nobody listens.
    /// - Throws: ``EngineUnavailable``.
    package init(
        servers: [Endpoint], isOnly: Bool = false,
        identity: (roots: String, certificate: String, key: String)?, replicas: Int, name: String,
        didChange: @escaping @Sendable (EngineEvent) -> Void, hear: (@Sendable (EngineNews) -> Void)? = nil
    ) throws {
        self.replicas = replicas
        self.identity = identity
        addresses = servers
        self.name = name
        let patience = NIOLockedValueBox(ServerPatience())
        self.patience = patience
        do throws(NATSConnection.Failure) {
            connection = try NATSConnection(
                servers: servers, isOnly: isOnly, identity: identity, name: name
            ) { event in
                switch event {
                case .connected: patience.withLockedValue { $0.didConnect(at: .now) }
                case .disconnected: patience.withLockedValue { $0.didDisconnect() }
                case .failed: break
                }
                didChange(event)
            }
            if let hear {
                try connection.listen(EngineNews.subject) { bytes in
                    if let news = EngineNews(bytes) { hear(news) }
                }
            }
        } catch {
            throw EngineUnavailable(
                "none of \(servers.map(\.description).joined(separator: ", ")) can be used: \(error)")
        }
    }

    /// The largest message that the servers take, in bytes.
    package var maxPayload: Int { connection.maxPayload }

    // MARK: LedgerEngine

    package func publish(
        _ bytes: [UInt8], to subject: String, after sequence: UInt64,
        then: @escaping @Sendable (PublishOutcome) -> Void
    ) {
        let (given, start) = (deadline.withLockedValue(\.duration), ContinuousClock.now)
        ask(
            .publish, subject, bytes, header: ("Nats-Expected-Last-Subject-Sequence", String(sequence)),
            seconds: given / .seconds(1)
        ) { [deadline] reply in
            let time = start.duration(to: .now)
            let outcome = reply.map { PublishOutcome(acknowledgement: $0.bytes) } ?? .unknown
            // An error that comes at once, for want of a connection or a leader, says nothing about times.
            if outcome != .unknown {
                deadline.withLockedValue { $0.didAnswer(after: time) }
            } else if time >= given {
                deadline.withLockedValue { $0.didExpire(after: given) }
            }
            then(outcome)
        }
    }

    package func read(
        _ position: ReadPosition, in stream: EngineStream, then: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        let question =
            switch position {
            case .last(let subject): #"{"last_by_subj":"\#(subject)"}"#
            case .next(let subject, let sequence): #"{"seq":\#(max(1, sequence)),"next_by_subj":"\#(subject)"}"#
            }
        // Of the stream's leader; direct reads are answered by any server, also by one that lags.
        ask(
            .read, "$JS.API.STREAM.MSG.GET.\(stream.name)", Array(question.utf8), seconds: Self.readSeconds
        ) { reply in
            then(reply.map { Self.outcome(of: $0) } ?? .unknown)
        }
    }

    package func readNext(
        from sequence: UInt64, in stream: EngineStream,
        then: @escaping @Sendable (Result<[StoredMessage], EngineUnavailable>) -> Void
    ) {
        let question =
            #"{"seq":\#(max(1, sequence)),"next_by_subj":"\#(stream.subjects)","batch":\#(Self.maxMessages),"max_bytes":\#(Self.maxBytes)}"#
        let messages = NIOLockedValueBox<[StoredMessage]>([])
        connection.request(
            "$JS.API.DIRECT.GET.\(stream.name)", Array(question.utf8), seconds: Self.readSeconds * 10
        ) { reply in
            guard let reply else {
                then(.failure(EngineUnavailable("stream \(stream.name) cannot be read: no answer")))
                return true
            }
            switch reply.status {
            case nil:
                if let sequence = reply.sequence, let subject = reply.subject {
                    messages.withLockedValue {
                        $0.append(StoredMessage(sequence: sequence, subject: subject, bytes: reply.bytes))
                    }
                }
                return false
            case "204", "404":
                then(.success(messages.withLockedValue { $0 }))
            case let status?:
                then(.failure(EngineUnavailable("stream \(stream.name) cannot be read: status \(status)")))
            }
            return true
        }
    }

    /// A server answers direct reads of its clients itself, if it has a copy.
    package func copies() throws -> [any LedgerEngine] {
        try single.withLockedValue { single in
            try addresses.map { address in
                if let known = single[address] { return known }
                let engine = try JetStreamEngine(
                    servers: [address], isOnly: true, identity: identity, replicas: replicas, name: name,
                    didChange: { _ in })
                single[address] = engine
                return engine
            }
        }
    }

    package func count(
        _ stream: EngineStream, then: @escaping @Sendable (Result<StreamCounts, EngineUnavailable>) -> Void
    ) {
        count(stream, StreamCounts(messages: [:]), then)
    }

    /// Adds the next page of subjects to the counts.
    private func count(
        _ stream: EngineStream, _ counts: StreamCounts,
        _ then: @escaping @Sendable (Result<StreamCounts, EngineUnavailable>) -> Void
    ) {
        let question = #"{"subjects_filter":"\#(stream.subjects)","offset":\#(counts.messages.count)}"#
        ask(
            .read, "$JS.API.STREAM.INFO.\(stream.name)", Array(question.utf8), seconds: Self.readSeconds
        ) { [self] reply in
            guard let reply, let info = try? JSONDecoder().decode(EngineReply.Stream.self, from: Data(reply.bytes)),
                let state = info.state
            else {
                return then(.failure(EngineUnavailable("stream \(stream.name) says nothing of itself")))
            }
            var counts = counts
            let page = state.subjects ?? [:]
            counts.messages.merge(page) { $1 }
            if page.isEmpty || counts.messages.count >= state.num_subjects ?? 0 { return then(.success(counts)) }
            count(stream, counts, then)
        }
    }

    package func tell(_ news: EngineNews) {
        for part in news.parts { connection.tell(EngineNews.subject, part.bytes) }
    }

    /// Makes a stream, and compares its settings with ours; blocks.
    package func make(_ stream: EngineStream) throws {
        let settings = StreamSettings(stream, replicas: replicas)
        _ = try ask("$JS.API.STREAM.CREATE.\(stream.name)", settings.json, seconds: Self.makeSeconds)
        let info = try info(of: stream)
        guard let config = info.config else {
            throw EngineUnavailable("stream \(stream.name) was not made: \(info.error?.description ?? "")")
        }
        if let fault = settings.difference(from: config) {
            throw EngineRejection(
                "stream \(stream.name) has \(fault); somebody else made or changed it: rename the draw, or let the operator "
                    + "change the stream back")
        }
    }

    /// Asks for a stream's settings and servers; blocks.
    ///
    /// - Throws: ``EngineUnavailable``.
    func info(of stream: EngineStream) throws -> EngineReply.Stream {
        let bytes = try ask("$JS.API.STREAM.INFO.\(stream.name)", [], seconds: Self.readSeconds)
        return try JSONDecoder().decode(EngineReply.Stream.self, from: Data(bytes))
    }

    package func servers() -> [EngineServer] {
        askAll("quiniela-servers", seconds: 1.5).compactMap { bytes in
            guard let reply = try? JSONDecoder().decode(EngineReply.Server.self, from: Data(bytes)) else { return nil }
            return EngineServer(
                name: reply.server.name, version: reply.server.ver,
                syncsAlways: reply.data.jetstream?.config?.sync_always ?? false,
                clusterSize: reply.data.jetstream?.meta?.cluster_size ?? 1, maxPayload: reply.data.max_payload)
        }
    }

    /// Asks the stream's leader; blocks.
    package func replicas(of stream: EngineStream) throws -> StreamReplicas {
        let cluster = try info(of: stream).cluster
        return StreamReplicas(
            leader: cluster?.leader,
            followers: (cluster?.replicas ?? []).map {
                StreamReplicas.Replica(
                    server: $0.name, isCurrent: $0.current == true && $0.offline != true, lag: $0.lag ?? 0)
            })
    }

    /// Asks, and leaves the server if it has not answered for a while.
    private func ask(
        _ question: ServerPatience.Question, _ subject: String, _ bytes: [UInt8],
        header: (name: String, value: String)? = nil, seconds: Double,
        then receive: @escaping @Sendable (NATSConnection.Reply?) -> Void
    ) {
        let asked = ContinuousClock.now
        connection.ask(subject, bytes, header: header, seconds: seconds) { [self] reply in
            receive(reply)
            let isAnswered = reply?.isAnswer == true
            let leaves = patience.withLockedValue {
                $0.didAsk(question, at: asked, isAnswered: isAnswered, now: .now)
            }
            if leaves { connection.leaveServer() }
        }
    }

    /// Asks, and waits for the reply.
    ///
    /// - Throws: ``EngineUnavailable``.
    func ask(_ subject: String, _ bytes: [UInt8], seconds: Double) throws -> [UInt8] {
        let answer = Monitor<NATSConnection.Reply??>(nil)
        ask(.read, subject, bytes, seconds: seconds) { reply in
            answer.withLock { $0 = .some(reply) }
            answer.wakeAll()
        }
        guard let reply = answer.wait(for: { $0 }) ?? nil, reply.status == nil else {
            throw EngineUnavailable("\(subject): no answer in \(Int(seconds)) seconds")
        }
        return reply.bytes
    }

    /// Asks all servers, and waits for their replies.
    func askAll(_ subject: String, seconds: Double) -> [[UInt8]] {
        let answers = Monitor((replies: [[UInt8]](), isOver: false))
        connection.request(subject, [], seconds: seconds) { reply in
            let isOver = reply == nil || reply?.status != nil
            answers.withLock { answers in
                if let reply, reply.status == nil { answers.replies.append(reply.bytes) }
                answers.isOver = isOver
            }
            answers.wakeAll()
            return isOver
        }
        return answers.wait(for: { $0.isOver ? $0.replies : nil }) ?? []
    }

    private static func outcome(of reply: NATSConnection.Reply) -> ReadOutcome {
        guard reply.status == nil,
            let answer = try? JSONDecoder().decode(EngineReply.Read.self, from: Data(reply.bytes))
        else { return .unknown }
        if let message = answer.message {
            let bytes = message.data.flatMap { Data(base64Encoded: $0) } ?? Data()
            return .message(
                StoredMessage(
                    sequence: message.seq, subject: message.subject, bytes: Array(bytes), time: message.storedAt))
        }
        return answer.error?.err_code == EngineReply.Failure.noMessage ? .none : .unknown
    }
}

extension NATSConnection.Reply {
    private static let maxErrorBytes = 512

    /// Whether somebody answered; a server that is cut off from the others says that nobody can.
    fileprivate var isAnswer: Bool {
        if let status { return status != "503" }
        return bytes.count > Self.maxErrorBytes || bytes.position(after: #""err_code":10008"#) == nil
    }
}

extension PublishOutcome {
    /// Reads the engine's acknowledgement of a publish.
    ///
    /// A positive one is short and flat, `{"stream":"S","seq":7}`: reading its number takes no decoder.
    init(acknowledgement bytes: [UInt8]) {
        if let sequence = Self.sequence(of: bytes) {
            self = .stored(sequence: sequence)
            return
        }
        guard let answer = try? JSONDecoder().decode(EngineReply.Publish.self, from: Data(bytes)) else {
            self = .unknown
            return
        }
        if let sequence = answer.seq, sequence > 0, answer.error == nil {
            self = .stored(sequence: sequence)
        } else if answer.error?.err_code == EngineReply.Failure.wrongLastSequence {
            self = .conflict
        } else {
            self = .unknown
        }
    }

    private static func sequence(of bytes: [UInt8]) -> UInt64? {
        guard bytes.count < 256, bytes.position(after: #""error""#) == nil,
            let start = bytes.position(after: #","seq":"#)
        else { return nil }
        var number: UInt64 = 0
        for byte in bytes[start...] {
            guard (0x30...0x39).contains(byte) else { break }
            number = number * 10 + UInt64(byte - 0x30)
        }
        return number > 0 ? number : nil
    }
}

extension [UInt8] {
    /// The position after the first occurrence of a text; Foundation's search took more than half of the time of a reply.
    fileprivate func position(after text: StaticString) -> Int? {
        let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return indices.dropLast(text.count - 1).first { start in
            self[start] == text[0] && self[start..<start + text.count].elementsEqual(text)
        }.map { $0 + text.count }
    }
}
#endif
