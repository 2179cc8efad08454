import Domain
import Ledger
import ReplicatedLedger
import Shell

extension OpenDraw {
    /// Opens the ledger of a recovered draw, or its stream on a cluster.
    ///
    /// - Parameters:
    ///   - configured: the agencies of a draw whose files do not say which it has.
    ///   - program: the version that the ledger records.
    convenience init(
        _ recovery: DrawRecovery, configured: DrawAgencies, program: String, office: DrawOffice, inbox: MainInbox
    ) throws {
        let (log, contents, folder) = (office.log, recovery.contents, recovery.folder)
        let id = folder.draw
        if contents.end.tornBytes > 0 {
            log(.tornGroupCut(offset: contents.end.offset, bytes: contents.end.tornBytes))
        }
        let agencies = recovery.terms?.drawAgencies ?? contents.standings.agencies(configured: configured)
        let late = try LateFile(folder, on: office.disk)
        if late.invalidLines > 0 { log(.lateListDamaged(path: folder.late, lines: late.invalidLines)) }
        let state = DrawState(folder, isSealed: contents.standings.seal != nil, on: office.disk)
        let progress = ProgressFile(
            folder,
            DrawProgress(
                draw: id, ledgerID: contents.header.ledgerID, state: state, agencies: agencies,
                finishedAgencies: contents.standings.finishedAgencies, cutOff: recovery.cutOff),
            on: office.disk, log: log)
        let expected = Int(agencies.count)
        let latch = CompletionLatch(remaining: max(0, expected - contents.standings.finishedAgencies.count)) {
            inbox.post(.allAgenciesFinished(id))
        }
        let observer = CommitObserver(
            agencyFinished: { agency in
                progress.change { $0.finishedAgencies = ($0.finishedAgencies + [agency]).sorted() }
                inbox.post(.agencyFinished(id))
                let remaining = latch.countDown()
                log(.agencyFinished(agency, remaining: remaining, expected: expected))
            },
            late: { inbox.post(.late(id, $0)) },
            lateFailed: { log(.lateListFailed(path: folder.late, reason: "\($0)")) },
            sealed: { inbox.post(.sealed(id, $0)) },
            failed: { inbox.post(.failed($0)) },
            damaged: { inbox.post(.damaged(id, $0)) })
        let consultations = DialectConsultations()
        if let published = recovery.published { consultations.publish(published) }
        if let cluster = office.cluster, contents.standings.seal == nil {
            try cluster.documents.make(.bets(id))
            let stream = StreamCommitter(
                cluster, folder: folder, header: contents.header, agencies: agencies, cutOff: recovery.cutOff,
                late: late,
                observer: observer, on: office.disk, clock: office.clock, figures: office.figures,
                namesBets: log.writesSuccess)
            log(.streamOpened(EngineStream.bets(id).name))
            self.init(
                id: id, agencies: agencies, committer: stream, stream: stream, consultations: consultations,
                progress: progress)
            return
        }
        let ledger = try OpenLedger(
            folder.ledger, contents: contents, on: office.disk, time: office.clock(),
            start: StartRecord(agencies: agencies.last, program: program))
        log(
            .ledgerOpened(path: folder.ledger, bets: contents.standings.storedBets, isDirect: ledger.isDirect))
        let admission = Admission(
            id, agencies: agencies, standings: contents.standings, cutOff: recovery.cutOff,
            time: late.snapshot.lastTime)
        let committer = LedgerCommitter(
            admission: admission, ledger: ledger, late: late, observer: observer, clock: office.clock,
            figures: office.figures, namesBets: log.writesSuccess)
        self.init(
            id: id, agencies: agencies, committer: committer, consultations: consultations, progress: progress)
    }
}
