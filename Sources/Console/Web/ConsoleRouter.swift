import Control
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import NIOPosix
import Shell

/// The addresses of the console.
///
/// Isolation: any task; what blocks runs in NIO's pool of threads.
struct ConsoleRouter: Sendable {
    let watch: ServiceWatch
    let folder: DataFolder
    let desk: CommandDesk
    let limits: RequestLimits

    func build() -> Router<ConsoleContext> {
        let router = Router(context: ConsoleContext.self, options: .autoGenerateHeadEndpoints)
        router.addMiddleware {
            PageHeaders()
            limits
            FaultPages(watch: watch)
        }
        addFiles(to: router)
        router.get("/") { request, _ in try await mainPage(request) }
        router.get("/events") { request, _ in events(request) }
        router.get("/metrics") { _, _ in
            let text = PrometheusText(watch.snapshot, viewers: watch.viewerCount, at: LocalTime.now).text
            return Response(text, type: PrometheusText.contentType)
        }
        router.get("/live") { _, _ in Response("live\n", type: "text/plain; charset=utf-8") }
        router.get("/ready") { _, _ in
            let readiness = Readiness(try await look(nil), at: LocalTime.now)
            return Response(
                readiness.text, type: "text/plain; charset=utf-8",
                status: readiness.isReady ? .ok : .serviceUnavailable)
        }
        router.get("/draws/:draw") { request, context in try await drawPage(request, context) }
        router.get("/agencies/:agency") { _, context in try await agencyPage(context) }
        addActions(to: router)
        return router
    }

    /// The files that are part of the program.
    private func addFiles(to router: Router<ConsoleContext>) {
        for (path, type, bytes) in [
            ("/console.css", "text/css; charset=utf-8", PackageResources.console_css),
            ("/console.js", "text/javascript; charset=utf-8", PackageResources.console_js),
            ("/icon.svg", "image/svg+xml", PackageResources.icon_svg),
        ] {
            router.get(RouterPath(path)) { _, _ in Response(bytes: bytes, type: type) }
        }
    }

    /// Returns the newest snapshot with a draw's agencies.
    private func look(_ draw: DrawID?) async throws -> Snapshot {
        try await NIOThreadPool.singleton.runIfActive { [watch] in watch.look(at: draw) }
    }

    // MARK: Pages

    private func mainPage(_ request: Request) async throws -> Response {
        let query = PageQuery(request)
        let snapshot = try await look(query.draw)
        if let draw = query.draw, snapshot.ingest.failure == nil, snapshot.summary(of: draw) == nil,
            snapshot.results[draw] == nil
        {
            throw PageFault.unknownDraw(draw.name)
        }
        return Response(MainPage(snapshot: snapshot, query: query).page)
    }

    private func drawPage(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let (draw, isJSON) = try context.draw()
        let snapshot = try await look(draw)
        let result = try await NIOThreadPool.singleton.runIfActive { [folder] in
            try ServiceQuestions.result(of: draw, in: folder)
        }
        let summary = snapshot.summary(of: draw)
        if isJSON {
            if let result { return try Response(json: result) }
            if snapshot.isStale(at: LocalTime.now) { throw PageFault.unreachable }
            if let status = snapshot.statuses[draw] { return try Response(json: status) }
            if let summary { return try Response(json: summary) }
            throw PageFault.unknownDraw(draw.name)
        }
        guard summary != nil || result != nil else { throw PageFault.unknownDraw(draw.name) }
        var query = PageQuery(request)
        query.draw = draw
        return Response(DrawPage(draw: draw, snapshot: snapshot, result: result, query: query).page)
    }

    private func agencyPage(_ context: ConsoleContext) async throws -> Response {
        let (agency, isJSON) = try context.agency()
        if watch.snapshot.ingest.failure != nil { throw PageFault.unreachable }
        let draws = watch.snapshot.draws.filter { $0.state != .planned }.map(\.draw)
        var statuses: [DrawStatus] = []
        for draw in draws {
            if let status = try await look(draw).statuses[draw] { statuses.append(status) }
        }
        let page = AgencyPage(agency: agency, snapshot: watch.snapshot, statuses: statuses)
        guard page.isKnown else { throw PageFault.unknownAgency(agency) }
        return isJSON ? try Response(json: page.rows) : Response(page.page)
    }

    // MARK: Server-sent events

    private func events(_ request: Request) -> Response {
        let query = PageQuery(request)
        guard let view = watch.view() else {
            return Response(
                "\(ServiceWatch.maxViewers) pages are open already; close one\n", type: "text/plain; charset=utf-8",
                status: .serviceUnavailable)
        }
        let isOfDraw = request.uri.queryParameters["of"] == "draw"
        let path = query.draw.flatMap { isOfDraw ? "/draws/\($0.name)" : nil } ?? "/"
        let stream = EventStream(watch: watch, view: view, query: query, path: path)
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try await request.body.consumeWithInboundCloseHandler { _ in
                    try await stream.write(to: &writer)
                } onInboundClosed: {
                    view.end()
                }
            })
    }

    // MARK: Commands

    private func addActions(to router: Router<ConsoleContext>) {
        router.get("/draws/:draw/:action") { _, context in
            let (draw, action) = try await self.action(context)
            // Its counts would be old ones.
            if watch.snapshot.isStale(at: LocalTime.now) { throw PageFault.unreachable }
            try await desk.prepare()
            return Response(ActionPage(draw: draw, action: action, now: watch.snapshot.time).page)
        }
        router.post("/draws/:draw/:action") { request, context in
            let (draw, action) = try await self.action(context)
            let form = try await Form(request)
            return try await desk.perform(
                form, of: request, from: context.peer,
                page: ActionPage(draw: draw, action: action, now: watch.snapshot.time)
            ) { form throws(FormFault) in try action.request(draw, form) }
        }
        router.get("/open") { _, _ in
            try await desk.prepare()
            return Response(OpenPage(now: try await look(nil).time).page)
        }
        router.post("/open") { request, context in
            let form = try await Form(request)
            return try await desk.perform(
                form, of: request, from: context.peer, page: OpenPage(now: watch.snapshot.time)
            ) {
                form throws(FormFault) in try OpenPage.request(form)
            }
        }
    }

    private func action(_ context: ConsoleContext) async throws -> (DrawSummary, DrawAction) {
        let (draw, _) = try context.draw()
        guard let summary = try await look(draw).summary(of: draw) else { throw PageFault.unknownDraw(draw.name) }
        let name = context.parameters.get("action") ?? ""
        guard let action = DrawAction(rawValue: name) else { throw PageFault.unknownPage }
        return (summary, action)
    }
}

extension PageQuery {
    fileprivate init(_ request: Request) {
        self.init { name in request.uri.queryParameters[Substring(name)].map(String.init) }
    }
}
