import ArgumentParser
import Shared

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve agencies until the draw and beyond (the default).")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("The port for agencies: short for --set ingest.listen=…", valueName: "host:port"))
    var listen: String?

    @Flag(help: "End with 0 once the result is published.")
    var exitAfterDraw = false

    @Flag(
        help: "Refuse to begin a new ledger: for a draw that has begun, whose data folder may not be mounted.")
    var expectLedger = false

    func run() throws {
        StopSignals.block()
        SystemCall.returnLargeBlocks()
        let maxConnections = DescriptorLimit.raise()
        try ProgramExit.run {
            var configuration = try options.load(flags: ["ingest.listen": listen])
            let log = EventLog.standardError(
                level: configuration.logLevel, format: configuration.logFormat)
            if maxConnections < configuration.ingest.queueCapacity {
                log(.clamped(key: "ingest.queueCapacity", from: configuration.ingest.queueCapacity, to: maxConnections))
                configuration.ingest.queueCapacity = maxConnections
            }
            let inbox = MainInbox()
            StopSignals.watch { inbox.postStop($0) }
            let service = IngestService(
                configuration: configuration, log: log, program: "unknown", exitAfterDraw: exitAfterDraw,
                expectsLedger: expectLedger, inbox: inbox, disk: PosixDisk(), clock: SystemCall.unixMilliseconds)
            try log.bracketing { try service.run() }
        }
    }
}
