import NIOCore
import Shared

/// The winners service from start to exit.
///
/// It reads the published files of the data folder and nothing else, so it may start before, during or after the ingest
/// service and outlive it.
///
/// Isolation: the main thread, which also watches the files: every 50 ms, so that those who wait are answered within that
/// of the publication.
struct ConsultService {
    let configuration: ServiceConfiguration
    let log: EventLog
    /// Holds the name of the stop signal once there was one.
    let stopSignal: Monitor<String?>
    let disk: any Disk

    /// Serves until a stop signal.
    ///
    /// Blocks.
    func run() throws {
        log(.config(configuration.values))
        let folder = configuration.folder
        let nothingYet = DrawProgress(
            draw: folder.draw, state: .open, expectedAgencies: configuration.agencies,
            finishedAgencies: [])
        let listener = try ConsultListener(
            configuration.winners.listen, maxConnections: configuration.winners.maxConnections,
            progress: nothingYet,
            session: ConsultSession(draw: folder.draw, agencies: configuration.agencies),
            helloDeadline: TimeAmount(configuration.ingest.helloDeadline),
            idleDeadline: TimeAmount(configuration.ingest.idleDeadline))
        log(.acceptConnections(port: "winners", address: listener.address))
        var published = PublishedResult(folder: folder, disk: disk)
        while true {
            for change in published.changes() { tell(listener, change) }
            let signal = stopSignal.wait(until: .now + .milliseconds(50)) { $0 }
            if let signal {
                log(.stopRequested(by: signal))
                break
            }
        }
        listener.stopAccepting()
        log(.closed("port \(listener.address)"))
        listener.close()
        log(.closed("connections"))
        log(.loopFinished)
    }

    private func tell(_ listener: ConsultListener, _ change: PublishedResult.Change) {
        switch change {
        case .progress(let progress):
            listener.update(progress)
        case .result(let result):
            listener.publish(PublishedAnswers(result))
            log(.resultLoaded(bets: result.bets, number: result.winningNumber))
        case .refused(let path, let reason):
            log(.resultRefused(path: path, reason: reason))
        }
    }
}
