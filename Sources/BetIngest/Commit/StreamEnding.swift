import Domain
import Ledger
import ReplicatedLedger
import Storage

/// The end of a draw on a cluster: the order to close it, and the copy of its stream that is sealed.
///
/// Isolation: the committer thread. It blocks on the disk and on the engine.
struct StreamEnding {
    private let cluster: DrawCluster
    private let folder: DrawFolder
    private let header: LedgerHeader
    private let agencies: DrawAgencies
    private let observer: CommitObserver
    private let disk: any Disk
    private(set) var cutOff: Instant?
    private var order: DrawEnd.Order?
    /// Whether the draw is to be sealed once every agency has an end.
    private(set) var isDue = false
    private var isSealed = false
    /// The last fault of the stream, and whether it was reported.
    private var fault: (text: String, isReported: Bool)?
    /// The chunks that no server has; nil as long as none are known, and once the draw is sealed.
    private(set) var damage: StreamDamage?
    /// How often the stream lacked ends that this node knows.
    private var unfinishedLooks = 0
    /// When the stream is read again, after it could not be sealed.
    private(set) var nextTry: ContinuousClock.Instant?

    private static let readAgain = Duration.milliseconds(200)
    private static let lookAgain = Duration.seconds(2)
    private static let mostUnfinishedLooks = 50

    init(
        _ cluster: DrawCluster, folder: DrawFolder, header: LedgerHeader, agencies: DrawAgencies,
        cutOff: Instant?, observer: CommitObserver, on disk: any Disk
    ) {
        self.cluster = cluster
        self.folder = folder
        self.header = header
        self.agencies = agencies
        self.cutOff = cutOff
        self.observer = observer
        self.disk = disk
    }

    /// Whether the draw is closed before every agency has finished.
    var isOrdered: Bool { order != nil }

    /// Why the draw is closed; nil if it is open.
    var reason: SealRecord.Reason? { order?.reason ?? (isDue ? .allFinished : nil) }

    private var endKey: String { EngineDocuments.key(DrawEnd.name, of: folder.draw) }
    private var ledgerID: String { DrawResult.text(ledgerID: header.ledgerID) }

    /// Whether the cut-off has passed and the draw is not closed.
    func isDue(at now: Instant) -> Bool { order == nil && cutOff.map { $0 <= now } == true }

    /// Takes a version of when the draw ends.
    ///
    /// - Returns: whether the draw is closed from now on.
    mutating func adopt(_ end: DrawEnd) -> Bool {
        guard order == nil, end.ledgerID == ledgerID else { return false }
        cutOff = end.cutOff
        order = end.order
        isDue = isDue || isOrdered
        return isOrdered
    }

    /// Reads whether another node has ordered the end of the draw.
    ///
    /// - Returns: whether the draw is closed from now on.
    mutating func readOrder() -> Bool {
        guard order == nil, let current = try? cluster.documents.read(endKey) else { return false }
        return DrawEnd(current.bytes).map { adopt($0) } ?? false
    }

    /// Orders the end of the draw.
    ///
    /// The order is stored before any agency is closed: every node closes for the same reason, or the cut-off has been moved
    /// and none does.
    ///
    /// - Returns: whether the draw is closed from now on.
    mutating func order(_ reason: SealRecord.Reason, at now: Instant) -> Bool {
        if reason == .allFinished {
            // Closes nothing: every agency has an end of its own.
            isDue = true
            return false
        }
        while order == nil {
            if reason == .cutOff, !isDue(at: now) { return false }
            var end = DrawEnd(ledgerID: ledgerID, cutOff: cutOff)
            end.order = DrawEnd.Order(reason: reason, instant: reason == .cutOff ? cutOff ?? now : now)
            do {
                let current = try cluster.documents.read(endKey)
                if let current, let known = DrawEnd(current.bytes) {
                    if known.order != nil || known.cutOff != cutOff {
                        _ = adopt(known)
                        continue
                    }
                    end.movedBy = known.movedBy
                }
                if try cluster.documents.replace(endKey, end.bytes, after: current?.sequence ?? 0) { _ = adopt(end) }
            } catch {
                return false  // The service stops.
            }
        }
        return true
    }

    /// Copies the stream to the ledger file and seals it, if the stream is whole.
    mutating func sealStream(at now: ContinuousClock.Instant) {
        guard !isSealed, nextTry.map({ $0 <= now }) != false else { return }
        let start = ContinuousClock.now
        var wait = Self.readAgain
        do {
            if let seal = try copyStream() {
                isSealed = true
                observer.sealed(seal)
            }
        } catch let fault as ChainFault {
            // A server that is catching up may have been read: a fault counts when it is found twice.
            wait = report(fault.description) ? Self.lookAgain : .seconds(1)
        } catch let error as LedgerError {
            isSealed = true
            observer.failed(error)
        } catch let error as DiskError {
            isSealed = true
            observer.failed(.disk(error))
        } catch {
            // The engine does not answer now, or the service stops.
        }
        // A large stream that is damaged is not read again all the time.
        let pause = start.duration(to: .now) * (wait == Self.readAgain ? 1 : 5)
        nextTry = isSealed ? nil : .now + max(wait, pause)
        if isSealed { damage = nil }
    }

    /// Keeps what no server has, once it is found twice.
    ///
    /// A void draw is sealed without it: its bets are only listed.
    ///
    /// - Throws: ``ChainFault`` that names it.
    private mutating func take(_ damage: StreamDamage, isEveryServerAsked: Bool) throws(ChainFault) {
        let text = "\(damage)" + (isEveryServerAsked ? "" : "; not every server could be asked")
        let isKnown = isEveryServerAsked && fault?.text == text
        if isKnown { self.damage = damage }
        if isKnown, fault?.isReported == true, order?.reason == .void { return }
        throw ChainFault(text)
    }

    /// Reports a fault of the stream that is found a second time, once.
    ///
    /// - Returns: whether it was found before.
    private mutating func report(_ text: String) -> Bool {
        guard let known = fault, known.text == text else {
            fault = (text, false)
            return false
        }
        if !known.isReported { observer.damaged(text) }
        fault = (text, true)
        return true
    }

    /// Copies the stream and publishes its seal.
    ///
    /// - Returns: nil if what was read is not the end of the stream yet.
    private mutating func copyStream() throws -> SealRecord? {
        let path = folder.ledger + ".new"
        var copy = try StreamCopy.read(
            to: path, header: header, agencies: agencies, of: cluster.engine, cluster.documents, on: disk)
        if let damage = copy.damage { try take(damage, isEveryServerAsked: copy.isEveryServerAsked) }
        let unfinished = copy.unfinished
        guard unfinished.isEmpty else {
            unfinishedLooks += 1
            // A server may be late for some time.
            if unfinishedLooks < Self.mostUnfinishedLooks { return nil }
            if order?.reason == .void { return try seal(&copy, .void, at: order?.instant, path) }
            throw ChainFault("agency \(unfinished[0]): its end was stored, and is no longer in the stream")
        }
        var reason = SealRecord.Reason.allFinished
        var instant: Instant?
        // The same reason on every node, whatever each was told.
        if copy.damage != nil || !copy.areAllFinished {
            let end = try cluster.documents.read(endKey)
            guard let order = end.flatMap({ DrawEnd($0.bytes)?.order }) else { return nil }
            (reason, instant) = (order.reason, order.instant)
        }
        return try seal(&copy, reason, at: instant, path)
    }

    /// Seals a copy, unless another node has sealed a different one.
    private func seal(
        _ copy: inout StreamCopy, _ reason: SealRecord.Reason, at instant: Instant?, _ path: String
    ) throws -> SealRecord {
        let seal = try copy.seal(reason, at: instant)
        let own = StreamSeal(
            ledgerID: ledgerID, bets: seal.bets,
            ledgerSHA256: try WinnersFile.sha256(of: try disk.open(path, .readOnly)))
        let stored = try cluster.documents.create(EngineDocuments.key(StreamSeal.name, of: folder.draw), own.bytes)
        guard StreamSeal(stored) == own else {
            throw ChainFault(
                "the ledger written here has \(own.bets) bets, SHA-256 \(own.ledgerSHA256), and "
                    + "another node has sealed a different one: \(StreamSeal(stored).map { "\($0)" } ?? "damaged")")
        }
        try disk.rename(path, to: folder.ledger)
        try disk.syncFolder(folder.path)
        return seal
    }
}
