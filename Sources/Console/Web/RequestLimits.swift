import HTTPTypes
import Hummingbird
import Platform

/// Rejects requests for another host: a foreign web page whose name resolves to this machine.
///
/// On loopback only the names of this machine are answered; elsewhere TLS proves the name.
struct RequestLimits: RouterMiddleware {
    typealias Context = ConsoleContext

    let isLoopback: Bool

    func handle(
        _ request: Request, context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        if isLoopback, !Self.isOwn(request.head.authority ?? "") {
            return Response(
                "This console answers for localhost and 127.0.0.1 only.\n", type: "text/plain; charset=utf-8",
                status: .misdirectedRequest)
        }
        return try await next(request, context)
    }

    /// Whether an authority names this machine, for example `localhost:12349`.
    static func isOwn(_ authority: String) -> Bool {
        let endpoint = Endpoint(authority) ?? Endpoint("\(authority):80")
        return endpoint?.isLoopback == true
    }
}

/// The headers of every answer: nothing from elsewhere, nothing inline, in no frame.
struct PageHeaders: RouterMiddleware {
    typealias Context = ConsoleContext

    private static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    func handle(
        _ request: Request, context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        for (name, value) in [
            ("Content-Security-Policy", Self.policy), ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}

/// Turns errors into pages with a way back.
struct FaultPages: RouterMiddleware {
    typealias Context = ConsoleContext

    let watch: ServiceWatch

    func handle(
        _ request: Request, context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let fault as PageFault {
            return page(fault)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            return page(.unknownPage)
        } catch let error as any HTTPResponseError {
            return Response(
                Page.fault("This request was not accepted", "\(error.status)", now: watch.snapshot.time),
                status: error.status)
        } catch {
            return Response(
                Page.fault("This page cannot be shown", "The console failed: \(error)", now: watch.snapshot.time),
                status: .internalServerError)
        }
    }

    private func page(_ fault: PageFault) -> Response {
        let (title, sentence) =
            switch fault {
            case .unknownPage: ("There is no such page", "The address is not one of this console.")
            case .unknownDraw(let name):
                (
                    "There is no draw \(name)",
                    watch.snapshot.ingest.failure.map {
                        "bet-ingest does not answer (\($0)), so only published draws are known."
                    }
                        ?? "It is not open, planned or published on this server."
                )
            case .unknownAgency(let agency):
                ("Agency \(agency) is not known", "It is not an agency of a draw that bet-ingest has in use.")
            case .unreachable:
                ("bet-ingest does not answer", watch.snapshot.ingest.failure ?? "")
            }
        return Response(
            Page.fault(title, sentence, now: watch.snapshot.time),
            status: fault == .unreachable ? .serviceUnavailable : .notFound)
    }
}
