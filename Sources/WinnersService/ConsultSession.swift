import Dialects
import Domain
import Identity
import WireProtocol

/// The protocol state of one connection to the winners' port.
///
/// Pure: messages in, actions out.
struct ConsultSession: Sendable {
    enum Event: Sendable {
        case message(Message)
        case malformed(MessageFault)
        case badFrame(FrameFault)
        case expired(String)
    }

    /// Draws are nil for an agency that named none.
    enum Action: Equatable, Sendable {
        case welcome(AgencyID, DrawID?)
        /// Close without an answer; for dialects.
        case close
        /// Answer now if the draw is published; otherwise park up to `waitMilliseconds`, or without limit.
        case consult(AgencyID, DrawID?, waitMilliseconds: UInt32?)
        /// Answer ERROR and close.
        case fail(ErrorCode, String)
        /// Answer ERROR, or nothing to a dialect, and close; the reason is for the operator.
        case deny(AgencyID, reason: String)
        case ignore
    }

    private enum State: Sendable {
        /// → `welcomed` by HELLO; → `closed` by anything else.
        case awaitingHello
        /// → `closed`.
        case welcomed(AgencyID, DrawID?)
        /// Final.
        case closed
    }

    private var state = State.awaitingHello
    private let gate: AgencyGate
    /// Nil before HELLO, and without a roster.
    private var pass: AgencyGate.Pass?
    private let peer: Peer

    init(gate: AgencyGate = AgencyGate(), peer: Peer = Peer()) {
        self.gate = gate
        self.peer = peer
    }

    /// Receives the request of an agency of a dialect.
    ///
    /// No HELLO is needed: the consultation names its agency, and waits without limit.
    mutating func receive(_ request: DialectRequest, draws: KnownDraws, today: Birthdate) -> Action {
        if case .closed = state { return .ignore }
        state = .closed
        guard case .consult(let agency?, _) = request else { return .close }
        do throws(AgencyGate.Denial) {
            pass = try gate.admit(agency, Proof(peer), on: today)
        } catch {
            return .deny(agency, reason: error.reason)
        }
        guard draws.agencies(of: draws.draw(consultedBy: agency)).contains(agency) else { return .close }
        return .consult(agency, nil, waitMilliseconds: nil)
    }

    mutating func receive(_ event: Event, draws: KnownDraws, today: Birthdate) -> Action {
        switch (state, event) {
        case (.closed, _):
            return .ignore
        case (_, .malformed(let fault)):
            return fail(.malformedMessage, "\(fault)")
        case (_, .badFrame(let fault)):
            return fail(.malformedFrame, "\(fault)")
        case (_, .expired(let what)):
            return fail(.deadline, what)
        case (.awaitingHello, .message(.hello(let hello))):
            return receive(hello, draws, today)
        case (.awaitingHello, .message):
            return fail(.unexpectedMessage, "HELLO comes first")
        case (.welcomed(let agency, let draw), .message(.consultWinners(let waitMilliseconds))):
            if let reason = denial(on: today) { return deny(agency, reason) }
            return .consult(agency, draw, waitMilliseconds: waitMilliseconds)
        case (.welcomed, .message(.chunk)):
            return fail(
                .unexpectedMessage, "bets are taken by the ingest service, on its own port")
        case (.welcomed, .message):
            return fail(.unexpectedMessage, "only consultations are expected after HELLO")
        }
    }

    private mutating func receive(_ hello: Hello, _ draws: KnownDraws, _ today: Birthdate) -> Action {
        do throws(EntryFault) {
            pass = try gate.admit(hello, from: peer, on: today)
        } catch {
            switch error {
            case .invalid(let code, let text): return fail(code, text)
            case .denied(let reason): return deny(hello.agency, reason)
            }
        }
        switch draws.draw(named: hello.draw) {
        case .failure(let fault):
            return fail(fault.code, fault.reason)
        case .success(let draw):
            let agencies = draws.agencies(of: draw ?? draws.draw(consultedBy: hello.agency))
            if let fault = agencies.fault(of: hello.agency) { return fail(.unknownAgency, fault) }
            state = .welcomed(hello.agency, draw)
            return .welcome(hello.agency, draw)
        }
    }

    /// Checks the peer again, whose question may be parked; returns the reason that it may not ask any more.
    mutating func denial(on today: Birthdate) -> String? {
        do throws(AgencyGate.Denial) {
            try gate.check(&pass, on: today)
            return nil
        } catch {
            return error.reason
        }
    }

    private mutating func deny(_ agency: AgencyID, _ reason: String) -> Action {
        state = .closed
        return .deny(agency, reason: reason)
    }

    private mutating func fail(_ code: ErrorCode, _ text: String) -> Action {
        state = .closed
        return .fail(code, text)
    }
}
