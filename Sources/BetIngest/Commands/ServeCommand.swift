import ArgumentParser
import Connections
import Identity
import Platform
import Shell
import Storage
import TLS

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve agencies, before and after the draw (the default).")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("The port for agencies: short for --set ingest.listen=…", valueName: "host:port"))
    var listen: String?

    @Flag(help: "Exit with 0 once the result is published.")
    var exitAfterDraw = false

    @Flag(
        help: "Fail if the ledger is missing: for a draw that has begun, whose data folder may not be mounted.")
    var expectLedger = false

    /// The number of threads other than workers and event loops: clock, log, signals, control, and a committer for each of a
    /// dozen draws.
    private static let otherThreads = 16

    func run() throws {
        StopSignals.block()
        SystemCall.returnLargeBlocks()
        try ProgramExit.run {
            var configuration = try options.load(flags: ["ingest.listen": listen])
            let maxConnections = try MachineCheck.run(
                threads: EventLoopCount.count(configuration.ingest.loops) + configuration.ingest.workers
                    + Self.otherThreads,
                bufferBytes: configuration.ingest.bufferBytes)
            // Before any other thread: it sets the time zone of the process, also that of the log.
            let schedule = try configuration.calendar.map { DrawSchedule(try CalendarPlanner(path: $0)) }
            let gate = try configuration.roster.map { try AgencyGate(roster: $0) } ?? AgencyGate()
            let tls = try configuration.tls.map { try ServerTLS($0) }
            let log = EventLog.start(program: "bet-ingest", configuration)
            if maxConnections < configuration.ingest.queueCapacity {
                log(.clamped(key: "ingest.queueCapacity", from: configuration.ingest.queueCapacity, to: maxConnections))
                configuration.ingest.queueCapacity = maxConnections
            }
            if let fileSystem = FileSystemType(of: configuration.data), !fileSystem.survivesPowerCut {
                log(.volatileFolder(path: configuration.data, fileSystem: fileSystem))
            }
            let inbox = MainInbox()
            // With a roster, SIGHUP asks to read it again; the clock does, at most a quarter of a second after a change.
            StopSignals.watch(ignoresHangUp: gate.hasRoster) { inbox.post(.stop($0)) }
            let node = try configuration.cluster.map {
                try NodeCluster($0, address: "\(configuration.ingest.listen)", inbox: inbox, log: log)
            }
            if let node, node.maxFrameBytes < configuration.ingest.maxFrameBytes {
                log(
                    .clampedByCluster(
                        key: "ingest.maxFrameBytes", from: configuration.ingest.maxFrameBytes, to: node.maxFrameBytes))
                configuration.ingest.maxFrameBytes = node.maxFrameBytes
            }
            let service = IngestService(
                configuration: configuration, schedule: schedule, gate: gate, tls: tls, log: log,
                program: ProgramVersion.text, exitAfterDraw: exitAfterDraw, expectsLedger: expectLedger, inbox: inbox,
                node: node, disk: PosixDisk(),
                clock: SystemCall.unixMilliseconds)
            try log.bracketing { try service.run() }
        }
    }
}
