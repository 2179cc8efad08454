import Domain
import Ledger
import NIOConcurrencyHelpers
import WireProtocol

/// The draw of a connection, as its session knows it.
struct DrawEntry: Equatable, Sendable {
    var draw: DrawID
    var agencies: DrawAgencies
}

/// The reason that a connection cannot be bound to a draw.
struct DrawUnavailable: Error, Equatable, Sendable {
    var code: ErrorCode
    var reason: String
}

/// A lookup of the draw that a peer means.
protocol DrawLookup: Sendable {
    /// Finds the draw that a HELLO names; an empty name is the draw that closes next.
    func draw(named name: String) -> Result<DrawEntry, DrawUnavailable>

    /// Finds the draw for the bets of a dialect, which cannot name one.
    func draw(ofDialect dialect: String) -> Result<DrawEntry, DrawUnavailable>

    /// Finds the draw for a consultation on a connection without bets.
    ///
    /// - Returns: the unpublished draw that has chunks of the agency and closes first; else the one published last; else
    ///   the one that closes next.
    func draw(consultedBy agency: AgencyID) -> DrawEntry?
}

/// The draws that connections may use, and the one published last.
///
/// Isolation: any thread; the main thread changes it.
final class OpenDraws: DrawLookup {
    private struct State: Sendable {
        var draws: [DrawID: OpenDraw] = [:]
        /// The draws that are planned next.
        var planned: [DrawID: DrawOpening] = [:]
        /// Draws whose files cannot be used.
        var damaged: Set<DrawID> = []
        /// Draws that are final and whose ledgers are closed.
        var final: Set<DrawID> = []
        var lastPublished: Published?
    }

    /// A published draw; its ledger may be closed.
    struct Published: Sendable {
        var entry: DrawEntry
        var consultations: DialectConsultations
    }

    private let state = NIOLockedValueBox(State())
    /// The draws to which the configuration binds dialects, by dialect.
    private let fixed: [String: DrawID]
    private let clock: @Sendable () -> UInt64

    init(fixed: [String: DrawID] = [:], clock: @escaping @Sendable () -> UInt64) {
        self.fixed = fixed
        self.clock = clock
    }

    // MARK: The main thread

    func add(_ draw: OpenDraw) {
        state.withLockedValue {
            $0.draws[draw.id] = draw
            $0.planned[draw.id] = nil
        }
    }

    /// Replaces the plan of openings.
    func plan(_ openings: [DrawOpening]) {
        let planned = Dictionary(openings.map { ($0.draw, $0) }) { first, _ in first }
        state.withLockedValue { $0.planned = planned }
    }

    func setFinal(_ draws: Set<DrawID>) { state.withLockedValue { $0.final = draws } }

    func setDamaged(_ draw: DrawID) { state.withLockedValue { _ = $0.damaged.insert(draw) } }

    func published(_ published: Published) { state.withLockedValue { $0.lastPublished = published } }

    /// Removes a final draw, unless connections are bound to it or it is the one published last.
    func retire(_ id: DrawID) -> Bool {
        state.withLockedValue { state in
            guard let draw = state.draws[id], !draw.hasConnections, state.lastPublished?.entry.draw != id else {
                return false
            }
            state.draws[id] = nil
            state.final.insert(id)
            return true
        }
    }

    // MARK: Any thread

    /// The draws in use, by name.
    var all: [OpenDraw] { state.withLockedValue { $0.draws.values.sorted { $0.id.name < $1.id.name } } }

    /// The draws that are planned next, and are not open yet.
    var planned: [DrawOpening] { state.withLockedValue { $0.planned.values.sorted { $0.draw.name < $1.draw.name } } }

    /// Binds a connection to a draw; nil if the draw has been retired.
    func bind(_ id: DrawID) -> OpenDraw? {
        state.withLockedValue { state in
            let draw = state.draws[id]
            draw?.bind()
            return draw
        }
    }

    /// The consultations of a draw in use, or of the one published last.
    func consultations(of id: DrawID) -> DialectConsultations? {
        state.withLockedValue { state in
            state.draws[id]?.consultations
                ?? (state.lastPublished?.entry.draw == id ? state.lastPublished?.consultations : nil)
        }
    }

    /// Whether a draw is published; nil: whether any draw is.
    func isDrawn(_ id: DrawID?) -> Bool {
        guard let id else { return state.withLockedValue { $0.lastPublished != nil } }
        return consultations(of: id)?.isPublished == true
    }

    /// Drops the parked consultations of a disconnected connection.
    func leaveConsultations(_ requester: any Requester) {
        for draw in state.withLockedValue({ Array($0.draws.values) }) { draw.consultations.leave(requester) }
    }

    func draw(named name: String) -> Result<DrawEntry, DrawUnavailable> {
        guard !name.isEmpty else { return next() }
        let state = state.withLockedValue { $0 }
        guard let id = DrawID(name) else { return unknown(name, state) }
        if let draw = state.draws[id] { return .success(draw.entry) }
        if state.final.contains(id) {
            return .failure(DrawUnavailable(code: .drawClosed, reason: "draw \(id) is closed"))
        }
        if state.damaged.contains(id) {
            return .failure(
                DrawUnavailable(
                    code: .drawNotOpen, reason: "the files of draw \(id) are damaged; they must be restored"))
        }
        if let opening = state.planned[id] {
            return .failure(DrawUnavailable(code: .drawNotOpen, reason: "draw \(id) opens at \(opening.opens)"))
        }
        return unknown(name, state)
    }

    func draw(ofDialect dialect: String) -> Result<DrawEntry, DrawUnavailable> {
        fixed[dialect].map { draw(named: $0.name) } ?? next()
    }

    func draw(consultedBy agency: AgencyID) -> DrawEntry? {
        let (draws, published) = state.withLockedValue { (Array($0.draws.values), $0.lastPublished) }
        let waiting = draws.filter { !$0.consultations.isOver && $0.committer.hasRecords(of: agency) }
        if let draw = waiting.min(by: { $0.closes < $1.closes }) { return draw.entry }
        return published?.entry ?? (try? next().get())
    }

    /// Finds the draw that closes next; if all are closed, the one that closed last.
    private func next() -> Result<DrawEntry, DrawUnavailable> {
        let state = state.withLockedValue { $0 }
        let now = Instant(milliseconds: clock())
        let open = state.draws.values.filter { $0.committer.isOpen(at: now) }
        if let draw = open.min(by: { $0.closes < $1.closes }) ?? state.draws.values.max(by: { $0.closes < $1.closes }) {
            return .success(draw.entry)
        }
        let opening = state.planned.values.min { ($0.opens, $0.draw.name) < ($1.opens, $1.draw.name) }
        let reason = opening.map { "no draw is open; \($0.draw) opens at \($0.opens)" } ?? "no draw is open"
        return .failure(DrawUnavailable(code: .drawNotOpen, reason: reason))
    }

    private func unknown(_ name: String, _ state: State) -> Result<DrawEntry, DrawUnavailable> {
        let names = state.draws.keys.map(\.name).sorted()
        let reason =
            names.count == 1
            ? "the current draw is \(names[0]), not \(name)"
            : "there is no draw \(name); in use: \(names.isEmpty ? "none" : names.joined(separator: ", "))"
        return .failure(DrawUnavailable(code: .unknownDraw, reason: reason))
    }
}

extension OpenDraw {
    var entry: DrawEntry { DrawEntry(draw: id, agencies: agencies) }

    /// The order in which draws close: by cut-off, those without one last.
    fileprivate var closes: (UInt64, String) { (committer.cutOff?.milliseconds ?? .max, id.name) }
}
