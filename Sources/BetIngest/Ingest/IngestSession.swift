import Shared

/// What one connection to the ingest port may say next.
///
/// Pure: messages in, actions out.
struct IngestSession: Sendable {
    /// What happened on the connection, in its order.
    enum Event: Sendable {
        case message(Message)
        case malformed(MessageFault)
        case badLength(UInt32)
        /// HELLO, a frame or anything at all did not come in time.
        case expired(String)
        case hungUp
    }

    /// What is to be done about it.
    enum Action: Equatable, Sendable {
        case join(AgencyID)
        case admit(Chunk, AgencyID)
        /// Answer ERROR and close.
        case fail(ErrorCode, String, AgencyID?)
        /// Let go of the agency and close.
        case leave(AgencyID?)
        case ignore
    }

    private enum State: Sendable {
        /// To `streaming` by HELLO, to `closed` by anything else.
        case awaitingHello
        /// To `closed`.
        case streaming(AgencyID)
        /// Final.
        case closed
    }

    private let draw: DrawID
    private let agencies: UInt32
    private var state = State.awaitingHello

    init(draw: DrawID, agencies: UInt32) {
        self.draw = draw
        self.agencies = agencies
    }

    mutating func receive(_ event: Event) -> Action {
        switch (state, event) {
        case (.closed, _):
            return .ignore
        case (_, .hungUp):
            let agency = agency
            state = .closed
            return .leave(agency)
        case (_, .malformed(let fault)):
            return fail(.malformedMessage, "\(fault)")
        case (_, .badLength(let length)):
            return fail(
                .malformedFrame,
                "a frame of \(length) bytes; 1 to maxFrameBytes, which WELCOME tells, are expected")
        case (_, .expired(let what)):
            return fail(.deadline, what)
        case (.awaitingHello, .message(.hello(let hello))):
            if let (code, text) = hello.fault(draw: draw, agencies: agencies) {
                return fail(code, text)
            }
            state = .streaming(hello.agency)
            return .join(hello.agency)
        case (.awaitingHello, .message):
            return fail(.unexpectedMessage, "HELLO comes first")
        case (.streaming(let agency), .message(.chunk(let chunk))):
            return .admit(chunk, agency)
        case (.streaming, .message(.consultWinners)):
            return fail(
                .unexpectedMessage, "winners are told by the winners service, on its own port")
        case (.streaming, .message):
            return fail(.unexpectedMessage, "only chunks are expected after HELLO")
        }
    }

    private var agency: AgencyID? {
        if case .streaming(let agency) = state { agency } else { nil }
    }

    private mutating func fail(_ code: ErrorCode, _ text: String) -> Action {
        let agency = agency
        state = .closed
        return .fail(code, text, agency)
    }
}
