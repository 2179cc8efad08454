import Control
import Domain
import HTTPTypes
import Hummingbird
import Ledger
import NIOPosix
import Shell

/// Sends an operator's commands to bet-ingest: with the token, from a page of this console.
///
/// Isolation: any task.
struct CommandDesk: Sendable {
    let token: OperatorToken
    /// Of bet-ingest's control socket.
    let socket: String
    let log: EventLog
    /// Commands wait for bet-ingest here, so that pages do not wait for commands.
    private let threads = NIOThreadPool(numberOfThreads: 4)
    private let forms = FormNumbers()
    private static let deadlineSeconds = 60

    init(token: OperatorToken, socket: String, log: EventLog) {
        self.token = token
        self.socket = socket
        self.log = log
        threads.start()
    }

    /// Makes the token's file if that was not possible at the start, because there was no data folder.
    func prepare() async throws {
        let isNew = try await NIOThreadPool.singleton.runIfActive { [token] in try token.makeIfMissing() }
        if isNew == true { log(.operatorToken(path: token.path, isNew: true)) }
    }

    /// Performs the command of a form and answers with its page: what was done, or what to change.
    ///
    /// - Parameter request: makes the request from the form's fields.
    func perform(
        _ form: Form, of request: Request, from peer: String, page: some FormPage,
        _ make: ([String: String]) throws(FormFault) -> ControlRequest
    ) async throws -> Response {
        guard Self.isSameOrigin(request) else {
            log(.commanded(page.command, draw: page.draw, peer: peer, failure: "the form is of another origin"))
            return Response(
                page.page(form, failure: "The form was not sent from a page of this console, so nothing was done."),
                status: .forbidden)
        }
        let given = form.fields["token"] ?? ""
        let fault = try await NIOThreadPool.singleton.runIfActive { [token] in token.fault(of: given) }
        if let fault {
            log(.commanded(page.command, draw: page.draw, peer: peer, failure: fault))
            return Response(page.page(form, failure: "Nothing was done: \(fault)."), status: .forbidden)
        }
        let command: ControlRequest
        do throws(FormFault) {
            command = try make(form.fields)
        } catch {
            return Response(page.page(form, failure: error.sentence), status: .unprocessableContent)
        }
        guard forms.admit(form.number) else {
            return Response(
                page.page(
                    form,
                    failure:
                        "This form was sent already, and is carried out once; the events say what was done. Open the page again for another command."
                ),
                status: .conflict)
        }
        return try await send(command, form, peer, page)
    }

    private func send(
        _ command: ControlRequest, _ form: Form, _ peer: String, _ page: some FormPage
    ) async throws -> Response {
        let reply = try await threads.runIfActive {
            [socket] () -> Result<ControlReply, ControlFailure> in
            Result { () throws(ControlFailure) in
                try ControlClient.ask(command, at: socket, seconds: Self.deadlineSeconds)
            }
        }
        switch reply {
        case .success(.ok(let bytes)):
            log(.commanded(page.command, draw: page.draw, peer: peer, failure: nil))
            return Response(page.page(done: ControlReply.text(bytes)))
        case .success(.failed(let reason)):
            // Nothing was done, so the form may be sent again.
            forms.forget(form.number)
            log(.commanded(page.command, draw: page.draw, peer: peer, failure: reason))
            return Response(page.page(form, failure: "bet-ingest answers: \(reason)"), status: .conflict)
        case .failure(let failure):
            if failure.isAbsent { forms.forget(form.number) }
            let reason =
                failure.isAbsent
                ? "bet-ingest does not run, so nothing was done."
                : "bet-ingest did not answer (\(failure.isTimeout ? "not within \(Self.deadlineSeconds) s" : failure.reason)): "
                    + "whether it was done is not known; the events will say."
            log(.commanded(page.command, draw: page.draw, peer: peer, failure: failure.reason))
            return Response(page.page(form, failure: reason), status: .serviceUnavailable)
        }
    }

    /// Whether a browser says that the form is of this console's own page.
    static func isSameOrigin(_ request: Request) -> Bool {
        if let site = HTTPField.Name("Sec-Fetch-Site"), let value = request.headers[site], value != "same-origin" {
            return false
        }
        guard let origin = request.headers[.origin], let authority = request.head.authority else { return false }
        return origin == "http://\(authority)" || origin == "https://\(authority)"
    }
}

/// A page with a form for a command.
protocol FormPage: Sendable {
    /// For the log.
    var command: String { get }
    var draw: DrawID? { get }
    /// The page with the service's message after a command.
    func page(done: String) -> Page
    /// The page with the form again, as it was filled in, except the token.
    func page(_ form: Form, failure: String) -> Page
}
