import Domain
import Logging
import NIOCore
import NIOPosix
import Platform
import Shell
import TLS

/// The context of every run of the agency.
struct AgencyRun {
    private(set) var configuration: ServiceConfiguration
    let log: EventLog
    private let mailbox = Mailbox()

    /// Nil: connections are plain.
    private let tls: ClientTLS?

    /// - Throws: ``TokenFileError``, ``ConfigurationError``.
    init(configuration: ServiceConfiguration) throws {
        self.configuration = configuration
        tls = try configuration.agencyTLS.map { files in
            var pair: KeyPair?
            if let certificate = files.certificate, let key = files.key {
                pair = try KeyPair(certificate: certificate, key: key)
            }
            return try ClientTLS(roots: files.roots, pair: pair)
        }
        if let path = configuration.agencyTokenFile { self.configuration.agencyToken = try TokenFile.read(path) }
        // On a terminal the progress bar replaces the log lines of the chunks.
        let isQuiet = !configuration.isLogLevelChosen && ProgressBar.isTerminal
        log = .start(program: "agency", configuration, level: isQuiet ? .warning : nil)
        if let end = tls?.validTo { log(.certificate(endsAt: end)) }
    }

    /// - Parameter draw: the draw of an earlier session; nil for that of the configuration.
    func dialog(
        _ endpoints: [Endpoint], draw: String? = nil, _ link: any ServiceLink, _ rerun: AgencyError.Rerun
    ) -> ServiceDialog {
        ServiceDialog(
            endpoints: endpoints, configuration: configuration, draw: draw, link: link, rerun: rerun, log: log)
    }

    var stopSignal: String? { mailbox.waitForStop(until: .now) }

    /// The latest valid birthdate, fixed for the whole run.
    ///
    /// - Throws: ``ClockError`` if the machine's clock cannot be right; then nothing is sent.
    static func today(unixMilliseconds now: UInt64 = SystemCall.unixMilliseconds()) throws -> Birthdate {
        try ProgramVersion.checkClock(now)
        return Birthdate(unixMilliseconds: now)
    }

    /// Runs `work` with an event loop; a stop signal ends it early.
    ///
    /// - Parameter undone: describes what a stop leaves undone; called after the stop.
    /// - Throws: ``AgencyError/stopped(signal:undone:)``; any error of `work`.
    func untilStopped<Result>(
        undone: () -> String, _ work: (any ServiceLink) throws -> Result
    ) throws -> Result {
        // One for the event loop, one for signals: a library that cannot start its thread traps.
        try ResourceLimits.checkThreads(2)
        let mailbox = mailbox
        StopSignals.watch { mailbox.postStop($0) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer {
            try? group.syncShutdownGracefully()
            log(.closed("event loop"))
        }
        do {
            return try work(SocketLink(mailbox: mailbox, group: group, tls: tls))
        } catch let stopped as Stopped {
            log(.stopRequested(by: stopped.signal))
            throw AgencyError.stopped(signal: stopped.signal, undone: undone())
        }
    }
}
