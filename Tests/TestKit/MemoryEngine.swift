private import NIOConcurrencyHelpers
private import Platform
package import ReplicatedLedger

/// A replicated log in memory, which answers at once, or loses answers and reads old states as its dice say.
///
/// Isolation: any thread.
package final class MemoryEngine: LedgerEngine {
    /// How often something goes wrong, from 0 to 1.
    package struct Faults: Sendable {
        /// The outcome of a publish that is stored gets lost.
        package var lostOutcome = 0.0
        /// A publish gets lost.
        package var lostPublish = 0.0
        /// A read or a count is not answered.
        package var lostRead = 0.0
        /// A read of the last message returns the one before.
        package var oldRead = 0.0
        /// The outcome of a publish is reported twice, the second time as unknown.
        package var repeatedOutcome = 0.0

        package init() {}

        package init(all probability: Double) {
            (lostOutcome, lostPublish, lostRead, oldRead) = (probability, probability, probability, probability)
            repeatedOutcome = probability
        }
    }

    private struct State: Sendable {
        var streams: [String: [StoredMessage]] = [:]
        /// Sequences that one of the servers has lost, in all streams.
        var hidden: Set<UInt64> = []
        /// Whether the other server does not answer.
        var isOtherAway = false
        var dice: SeededGenerator
        var made: Set<EngineStream> = []
    }

    private let state: NIOLockedValueBox<State>
    private let faults: NIOLockedValueBox<Faults>
    private let listeners = NIOLockedValueBox<[@Sendable (EngineNews) -> Void]>([])
    /// Outcomes that are not reported yet; nil if all are reported at once.
    private let kept = Monitor<[@Sendable () -> Void]?>(nil)
    /// Whether it is the server that has lost messages.
    private let isDamaged: Bool

    package init(seed: UInt64 = 1, faults: Faults = Faults()) {
        state = NIOLockedValueBox(State(dice: SeededGenerator(seed: seed)))
        self.faults = NIOLockedValueBox(faults)
        isDamaged = true
    }

    private init(whole other: MemoryEngine) {
        (state, faults, isDamaged) = (other.state, other.faults, false)
    }

    package func setFaults(_ faults: Faults) { self.faults.withLockedValue { $0 = faults } }

    /// The messages of a stream.
    package func messages(of stream: EngineStream) -> [StoredMessage] {
        state.withLockedValue { $0.streams[stream.name] ?? [] }
    }

    /// Keeps the outcomes of publishes, which are stored all the same, until ``reportOutcomes(of:)``.
    package func keepOutcomes() { kept.withLock { $0 = [] } }

    /// Waits for a number of publishes, then reports them and keeps no more.
    package func reportOutcomes(of publishes: Int) {
        let reports = kept.wait(until: .now + .seconds(30)) { kept -> [@Sendable () -> Void]? in
            guard let reports = kept, reports.count >= publishes else { return nil }
            kept = nil
            return reports
        }
        for report in reports ?? [] { report() }
    }

    /// Loses a stored message.
    package func lose(_ index: Int, of stream: EngineStream) {
        state.withLockedValue { _ = $0.streams[stream.name]?.remove(at: index) }
    }

    /// Loses a stored message on the server that answers ``readNext(from:in:then:)``, not on the others.
    package func loseHere(_ index: Int, of stream: EngineStream) {
        state.withLockedValue { state in
            if let sequence = state.streams[stream.name]?[index].sequence { state.hidden.insert(sequence) }
        }
    }

    /// Sets whether the server that has lost nothing answers ``readNext(from:in:then:)``.
    package func setOtherAway(_ isAway: Bool) { state.withLockedValue { $0.isOtherAway = isAway } }

    package func copies() -> [any LedgerEngine] { [self, MemoryEngine(whole: self)] }

    package func publish(
        _ bytes: [UInt8], to subject: String, after sequence: UInt64,
        then: @escaping @Sendable (PublishOutcome) -> Void
    ) {
        let stream = subject.hasPrefix("$KV.") ? EngineStream.documents.name : Self.bets(subject)
        let faults = faults.withLockedValue { $0 }
        let outcome = state.withLockedValue { state -> PublishOutcome in
            if state.dice.happens(faults.lostPublish) { return .unknown }
            let messages = state.streams[stream] ?? []
            guard messages.last(where: { $0.subject == subject })?.sequence ?? 0 == sequence else { return .conflict }
            let next = (messages.last?.sequence ?? 0) + 1
            state.streams[stream, default: []].append(StoredMessage(sequence: next, subject: subject, bytes: bytes))
            return state.dice.happens(faults.lostOutcome) ? .unknown : .stored(sequence: next)
        }
        let isKept = kept.withLock { kept -> Bool in
            kept?.append { then(outcome) }
            return kept != nil
        }
        if isKept { kept.wakeAll() } else { then(outcome) }
        if state.withLockedValue({ $0.dice.happens(faults.repeatedOutcome) }) { then(.unknown) }
    }

    package func read(
        _ position: ReadPosition, in stream: EngineStream, then: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        let faults = faults.withLockedValue { $0 }
        let outcome = state.withLockedValue { state -> ReadOutcome in
            if state.dice.happens(faults.lostRead) { return .unknown }
            let messages = state.streams[stream.name] ?? []
            let found: StoredMessage?
            switch position {
            case .last(let subject):
                let own = messages.filter { $0.subject == subject }
                let isOld = own.count > 1 && state.dice.happens(faults.oldRead)
                found = isOld ? own[own.count - 2] : own.last
            case .next(let subject, let sequence):
                let isAny = subject.hasSuffix(">") || subject.hasSuffix("*")
                found = messages.first { $0.sequence >= sequence && (isAny || $0.subject == subject) }
            }
            return found.map { .message($0) } ?? .none
        }
        then(outcome)
    }

    package func readNext(
        from sequence: UInt64, in stream: EngineStream,
        then: @escaping @Sendable (Result<[StoredMessage], EngineUnavailable>) -> Void
    ) {
        if !isDamaged, state.withLockedValue(\.isOtherAway) { return then(.failure(EngineUnavailable("no answer"))) }
        let hidden = isDamaged ? state.withLockedValue(\.hidden) : []
        let messages = messages(of: stream).filter { $0.sequence >= sequence && !hidden.contains($0.sequence) }
        then(.success(Array(messages.prefix(100))))
    }

    package func count(
        _ stream: EngineStream, then: @escaping @Sendable (Result<StreamCounts, EngineUnavailable>) -> Void
    ) {
        var counts: [String: Int] = [:]
        for message in messages(of: stream) { counts[message.subject, default: 0] += 1 }
        then(.success(StreamCounts(messages: counts)))
    }

    /// Adds a program that hears what is told.
    package func listen(_ listener: @escaping @Sendable (EngineNews) -> Void) {
        listeners.withLockedValue { $0.append(listener) }
    }

    package func tell(_ news: EngineNews) { for listener in listeners.withLockedValue({ $0 }) { listener(news) } }

    package func make(_ stream: EngineStream) { state.withLockedValue { _ = $0.made.insert(stream) } }

    package func servers() -> [EngineServer] {
        [EngineServer(name: "memory", version: "2.15.1", syncsAlways: true, clusterSize: 3, maxPayload: 1 << 20)]
    }

    package func replicas(of _: EngineStream) -> StreamReplicas { StreamReplicas(leader: "memory", followers: []) }

    private static func bets(_ subject: String) -> String {
        "QUINIELA_" + subject.split(separator: ".").dropFirst().dropLast().joined(separator: ".")
    }
}

extension SeededGenerator {
    fileprivate mutating func happens(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &self) < probability
    }
}
