import Logging
import NIOCore
import NIOPosix
import Shared

/// What every run of the agency has: configuration, log, mailbox, and one event loop for its sockets.
struct AgencyRun {
    let configuration: ServiceConfiguration
    let log: EventLog
    let mailbox = Mailbox()

    init(configuration: ServiceConfiguration) {
        self.configuration = configuration
        // On a terminal the progress bar says what the lines of the chunks would.
        let isQuiet = !configuration.isLogLevelChosen && ProgressBar.isTerminal
        log = .start(program: "agency", configuration, level: isQuiet ? .warning : nil)
    }

    func dialog(_ endpoint: Endpoint, _ group: any EventLoopGroup) -> ServiceDialog {
        ServiceDialog(
            endpoint: endpoint, agency: configuration.agency, configuration: configuration,
            mailbox: mailbox, group: group, log: log)
    }

    /// Runs `work` with an event loop.
    ///
    /// A stop signal ends it early and is no error.
    ///
    /// - Returns: nil after a stop.
    func untilStopped<Result>(_ work: (any EventLoopGroup) throws -> Result) throws -> Result? {
        let mailbox = mailbox
        StopSignals.watch { mailbox.postStop($0) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer {
            try? group.syncShutdownGracefully()
            log(.closed("event loop"))
        }
        do {
            return try work(group)
        } catch let stopped as Stopped {
            log(.stopRequested(by: stopped.signal))
            return nil
        }
    }
}
