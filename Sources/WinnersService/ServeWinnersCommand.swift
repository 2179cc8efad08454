import ArgumentParser
import Connections
import Identity
import Platform
import Shell
import Storage
import TLS

struct ServeWinnersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Answer agencies (the default).")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("The port for agencies: short for --set winners.listen=…", valueName: "host:port"))
    var listen: String?

    /// Threads besides the event loops: log, signals, and one spare.
    private static let otherThreads = 3

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            var configuration = try options.load(flags: ["winners.listen": listen])
            let ports = 1 + configuration.dialects.count(where: \.isWinners)
            let maxConnections = try MachineCheck.run(
                threads: ports * EventLoopCount.count(configuration.ingest.loops) + Self.otherThreads)
            let gate = try configuration.roster.map { try AgencyGate(roster: $0) } ?? AgencyGate()
            let tls = try configuration.tls.map { try ServerTLS($0) }
            let log = EventLog.start(program: "winners-service", configuration)
            if maxConnections < configuration.winners.maxConnections {
                log(
                    .clamped(
                        key: "winners.maxConnections", from: configuration.winners.maxConnections, to: maxConnections))
                configuration.winners.maxConnections = maxConnections
            }
            let stopSignal = Monitor<String?>(nil)
            StopSignals.watch(ignoresHangUp: gate.hasRoster) { signal in
                stopSignal.withLock { $0 = signal }
                stopSignal.wakeAll()
            }
            let service = ConsultService(
                configuration: configuration, gate: gate, tls: tls, log: log, stopSignal: stopSignal,
                disk: PosixDisk())
            try log.bracketing { try service.run() }
        }
    }
}
