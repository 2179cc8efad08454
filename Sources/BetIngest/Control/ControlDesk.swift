import Control
import Domain
import Identity
import Ledger
import Monitoring
import NIOConcurrencyHelpers
import TLS

/// The ingest service's answers on its control socket.
///
/// Questions are answered from the committers' standings, at most once a second for all who ask; commands go to the main
/// thread.
///
/// Isolation: any thread.
final class ControlDesk: Sendable {
    /// Values of the last second.
    private struct Kept<Value: Sendable>: Sendable {
        private var value: (time: ContinuousClock.Instant, Value)?

        /// Less than a second, so that a client that asks every second gets a new reply each time.
        private static var keptTime: Duration { .milliseconds(800) }

        var isOld: Bool { value.map { $0.time.duration(to: .now) >= Self.keptTime } ?? true }

        /// Returns the value, or makes one.
        mutating func get(_ make: () -> Value) -> Value {
            if let value, !isOld { return value.1 }
            let made = make()
            value = (.now, made)
            return made
        }
    }

    private let draws: OpenDraws
    private let gate: AgencyGate
    private let tls: ServerTLS?
    private let inbox: MainInbox
    private let clock: @Sendable () -> UInt64
    /// The replies of the last second; nil is the status of the draw that closes next.
    private let status = NIOLockedValueBox<[DrawID?: Kept<ControlReply>]>([:])
    /// The summaries of the last second: the list and the metrics are made from the same.
    private let list = NIOLockedValueBox(Kept<[DrawSummary]>())
    private let samples = NIOLockedValueBox(Kept<ControlReply>())
    private let metrics: IngestMetrics

    init(
        draws: OpenDraws, gate: AgencyGate, tls: ServerTLS?, inbox: MainInbox, clock: @escaping @Sendable () -> UInt64,
        metrics: IngestMetrics
    ) {
        self.draws = draws
        self.gate = gate
        self.tls = tls
        self.inbox = inbox
        self.clock = clock
        self.metrics = metrics
    }

    func handle(_ request: ControlRequest, _ peer: ControlPeer, _ reply: @escaping @Sendable (ControlReply) -> Void) {
        switch request {
        case .status(let id):
            reply(status(of: id))
        case .draws:
            reply(ControlReply(summaries()))
        case .metrics:
            reply(keptSamples())
        case .open(let id, let cutOff, let number):
            let opening = DrawOpening(draw: id, opens: now, cutOff: cutOff, number: number, by: peer.name)
            command(.open(opening), peer, reply)
        case .close(let id): command(.close(id), peer, reply)
        case .moveCutOff(let id, let cutOff): command(.moveCutOff(id, to: cutOff), peer, reply)
        case .enterNumber(let id, let number): command(.enterNumber(id, number), peer, reply)
        case .makeVoid(let id, let reason): command(.makeVoid(id, reason: reason), peer, reply)
        }
    }

    private var now: Instant { Instant(milliseconds: clock()) }

    private func command(
        _ action: OperatorCommand.Action, _ peer: ControlPeer, _ reply: @escaping @Sendable (ControlReply) -> Void
    ) {
        inbox.post(
            .command(
                OperatorCommand(action: action, user: peer.name) { [self] outcome in
                    // The next question must show the command's effect.
                    status.withLockedValue { $0 = [:] }
                    list.withLockedValue { $0 = Kept() }
                    switch outcome {
                    case .success(let text): reply(ControlReply(text))
                    case .failure(let fault): reply(.failed(fault.description))
                    }
                }))
    }

    private func status(of id: DrawID?) -> ControlReply {
        status.withLockedValue { kept in
            kept = kept.filter { !$0.value.isOld }
            // A draw that is not in use is not kept: anybody may ask for any name.
            if kept[id] == nil, draw(id) == nil { return ControlReply(DrawStatus?.none) }
            return kept[id, default: Kept()].get {
                var status = draw(id)?.status(now: now)
                status?.clockSteps = metrics.steps()
                status?.roster = gate.status
                status?.tls = tls?.status
                status?.cluster = metrics.cluster()
                status?.setCertificateEnds(gate.endsOfCertificates)
                return ControlReply(status)
            }
        }
    }

    private func draw(_ id: DrawID?) -> OpenDraw? {
        guard let id = id ?? (try? draws.draw(named: "").get())?.draw else { return nil }
        return draws.all.first { $0.id == id }
    }

    private func summaries() -> [DrawSummary] {
        list.withLockedValue { kept in
            kept.get {
                let planned = draws.planned.map { DrawSummary(planned: $0.draw, opens: $0.opens, cutOff: $0.cutOff) }
                return draws.all.map { $0.summary($0.committer.snapshot) } + planned
            }
        }
    }

    private func keptSamples() -> ControlReply {
        samples.withLockedValue { kept in kept.get { ControlReply(metrics.samples(of: summaries(), at: now)) } }
    }
}

extension OpenDraw {
    fileprivate func status(now: Instant) -> DrawStatus {
        let snapshot = committer.snapshot
        return DrawStatus(
            summary(snapshot), of: agencies, snapshot.standings, late: snapshot.late, source: .service, now: now)
    }

    fileprivate func summary(
        _ snapshot: (standings: DrawStandings, cutOff: Instant?, late: LateList)
    ) -> DrawSummary {
        let facts = facts
        var summary = DrawSummary(
            id, state: facts.state, terms: facts.terms, cutOff: snapshot.cutOff, agencies: agencies,
            standings: snapshot.standings, late: snapshot.late)
        summary.number = facts.number
        summary.winningBets = facts.winningBets
        summary.voidReason = facts.voidReason
        return summary
    }
}
