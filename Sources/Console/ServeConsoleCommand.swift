import ArgumentParser
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Ledger
import Logging
import NIOCore
import Platform
import ServiceLifecycle
import Shell
import TLS

struct ServeConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve the page (the default).")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("The address of the page: short for --set console.listen=…", valueName: "host:port"))
    var listen: String?

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["console.listen": listen])
            // Before any other thread: it sets the time zone of the process.
            if let calendar = configuration.calendar { _ = try TimeZoneRules(ofCalendar: calendar) }
            let console = try ConsoleService(configuration)
            let log = EventLog.start(program: "console", configuration)
            try log.bracketing { try console.run(log) }
        }
    }
}

/// The console from start to exit.
///
/// Isolation: the main thread, which waits; the pages are made on NIO's threads and Swift's.
struct ConsoleService {
    private let configuration: ServiceConfiguration
    private let server: HTTPServerBuilder

    /// - Throws: ``ConfigurationError``: an address other than loopback without a certificate, or faulty files.
    init(_ configuration: ServiceConfiguration) throws {
        self.configuration = configuration
        let limits = HTTP1Channel.Configuration(
            idleTimeout: .seconds(60),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100))
        let console = configuration.console
        guard !console.listen.isLoopback else {
            server = .http1(configuration: limits)
            return
        }
        guard let files = console.tls else {
            throw ConfigurationError([
                "console.listen is \(console.listen), which others can reach, so tls.certificate and tls.key are needed: "
                    + "the operator's token would cross the network in plain text. bet-ingest pki service makes them; or "
                    + "listen on 127.0.0.1 and use a tunnel, for example ssh -L 12349:127.0.0.1:12349 SERVER"
            ])
        }
        server = try .tls(
            .http1(configuration: limits),
            tlsConfiguration: try ServerTLS.forPages(certificate: files.certificate, key: files.key))
    }

    /// Pages, streams and idle connections of browsers.
    private static let maxConnections = 512
    private static let stopTime = Duration.milliseconds(500)

    private var isEncrypted: Bool { !configuration.console.listen.isLoopback }

    /// Serves until a stop signal; blocks.
    func run(_ log: EventLog) throws {
        log(.config(configuration.values))
        let folder = configuration.folder.data
        let token = OperatorToken(path: configuration.console.tokenFile)
        if let isNew = try token.makeIfMissing() { log(.operatorToken(path: token.path, isNew: isNew)) }
        let watch = ServiceWatch(folder)
        let router = ConsoleRouter(
            watch: watch, folder: folder,
            desk: CommandDesk(token: token, socket: folder.ingestSocket, log: log),
            limits: RequestLimits(isLoopback: !isEncrypted))
        watch.start()
        defer {
            watch.stop()
            log(.loopFinished)
        }
        try serve(router.build(), watch, log)
    }

    private func serve(_ router: Router<ConsoleContext>, _ watch: ServiceWatch, _ log: EventLog) throws {
        let scheme = isEncrypted ? "https" : "http"
        let endpoint = configuration.console.listen
        let silent = Logger(label: "hummingbird") { _ in SwiftLogNoOpLogHandler() }
        let application = Application(
            router: router, server: server,
            configuration: .init(
                address: .hostname(endpoint.host, port: endpoint.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maxConnections)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? endpoint.port
                log(
                    .acceptConnections(
                        port: "console", address: "\(scheme)://\(Endpoint(host: endpoint.host, port: port))"))
            }, logger: silent)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [.init(service: application)], logger: silent))
        let outcome = Monitor<Result<Void, any Error>?>(nil)
        let isStopping = Monitor(false)
        StopSignals.watch { signal in
            log(.stopRequested(by: signal))
            isStopping.withLock { $0 = true }
            watch.stop()
            Task { await group.triggerGracefulShutdown() }
            // A browser that does not read, or a command that waits for bet-ingest, must not hold up the end.
            _ = outcome.wait(until: .now + Self.stopTime) { $0.map { _ in true } }
            outcome.withLock { $0 = $0 ?? .success(()) }
            outcome.wakeAll()
        }
        Task {
            let result: Result<Void, any Error>
            do { result = .success(try await group.run()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            outcome.wakeAll()
        }
        do {
            try outcome.wait { $0 }?.get()
            if !isStopping.withLock({ $0 }) { throw ServerEnded() }
        } catch let error as IOError {
            throw ConfigurationError(["console.listen: \(endpoint): \(SystemCall.errorText(error.errnoCode))"])
        }
    }
}

/// The server ended although nobody asked for it.
private struct ServerEnded: Error, CustomStringConvertible {
    var description: String { "the server ended by itself" }
}
