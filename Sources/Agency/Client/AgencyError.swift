import Domain
import Shell
import Storage
import WireProtocol

/// An error that ends an agency's run.
enum AgencyError: ProgramError, CustomStringConvertible {
    enum Rerun: String {
        case resumes = "run the same command again: it resumes, and nothing is stored twice"
        case bet =
            "run the same command again: the bet is not stored twice, unless another bet of this agency is stored first"
        case betAgain =
            "the bet may be stored: with --again the same command may store it twice; see bet-ingest export first"
        case winners = "run the same command again later"
    }

    /// No answer arrived within the deadline.
    ///
    /// `unacknowledged` is the first sequence whose outcome is unknown.
    case deadline(Duration, lastFailure: String, unacknowledged: UInt32?, Rerun)
    /// The draw was not published within `retry.drawSeconds`.
    case notDrawn(Duration)
    /// The service's error is permanent.
    case rejected(ErrorCode, String)
    /// A newer connection took the agency over.
    case superseded(AgencyID)
    case otherFile(path: String, FileDifference)
    case fileTooLong(path: String, AgencyID, unsentBets: Int)
    /// The service accepts no more bets of this agency.
    case notAdmitted(String)
    /// Other bets are recorded under this sequence.
    /// With the service's reason.
    case conflict(sequence: UInt32, String)
    /// A chunk was rejected as malformed, or with a code of a newer service.
    case notStored(sequence: UInt32, RejectionCode, String)
    /// The service is broken, or the agency has sent four billion chunks.
    case noSequenceLeft
    case invalidLines(InvalidLines)
    case stopped(signal: String, undone: String)
    case file(DiskError)

    var description: String {
        switch self {
        case .deadline(let deadline, let failure, let sequence, let rerun):
            let what = "no answer within \(deadline); the last failure was: \(failure)"
            guard let sequence else { return "\(what). \(rerun.rawValue)" }
            return "\(what). unknown: sequence \(sequence) was sent and not acknowledged; \(rerun.rawValue)"
        case .notDrawn(let deadline):
            return "the draw was not published within \(deadline); ask again later with agency winners"
        case .rejected(let code, let text) where !code.isKnown:
            return "the service ended the session with \(code), which this program does not know: \(text). Bets that "
                + "were not acknowledged may not be stored; a newer agency program may know the code"
        case .rejected(let code, let text):
            return "the service rejects this agency (\(code)): \(text)"
        case .superseded(let agency):
            return
                "another program is running as agency \(agency); this one stops. Run the same command again when the "
                + "other one has ended, if anything is left to do"
        case .otherFile(let path, let difference):
            return "\(path) is not the file that was being sent: \(difference); nothing was sent. Only the same file "
                + "can be continued, and it must begin with any bets sent by agency bet"
        case .fileTooLong(let path, let agency, let unsent):
            return
                "agency \(agency) has finished, and \(path) has \(Figures.counted(unsent, "more valid bet")): not in the draw. "
                + "Its winners can be asked for with agency winners"
        case .notAdmitted(let text):
            return "the service takes no more bets of this agency: \(text). Bets that were not acknowledged are not in "
                + "the draw"
        case .conflict(let sequence, let reason):
            return "other bets are recorded under sequence \(sequence), so these are not stored (\(reason)): another "
                + "file, or another program is sending as this agency"
        case .notStored(let sequence, let code, let text):
            let unknown = code.isKnown ? "" : ", which this program does not know"
            return
                "the bets of sequence \(sequence) are not stored: the service rejected them with \(code)\(unknown): \(text)"
        case .noSequenceLeft:
            return "the service's next sequence is the last one: no chunk can be sent, and the agency cannot finish"
        case .invalidLines(let lines):
            return "\(lines)"
        case .stopped(let signal, let undone):
            return "stopped by \(signal): \(undone)"
        case .file(let error):
            return "\(error)"
        }
    }

    var exit: ProgramExit {
        switch self {
        case .deadline, .notDrawn, .superseded, .stopped: .tryLater
        case .rejected(.drawNotOpen, _): .tryLater
        case .rejected(.drawClosed, _), .rejected(.drawVoid, _): .data
        case .rejected(let code, _): code.isKnown ? .configuration : .data
        case .otherFile, .fileTooLong, .notAdmitted, .conflict, .notStored, .noSequenceLeft, .invalidLines, .file: .data
        }
    }
}

/// The way a file differs from the bets that the service has recorded.
enum FileDifference: Equatable, CustomStringConvertible {
    /// Bets at these positions, from 1.
    case bets(ClosedRange<Int>)
    /// A bet before this position, from 1.
    case before(Int)
    case fewer(bets: Int, recorded: Int)

    var description: String {
        switch self {
        case .bets(let bets) where bets.count == 1:
            "bet \(Figures.grouped(bets.lowerBound)) differs from the one that the service has recorded"
        case .bets(let bets):
            "bets \(Figures.grouped(bets.lowerBound)) to \(Figures.grouped(bets.upperBound)) differ from those that the service has "
                + "recorded"
        case .before(let bet):
            "a bet before bet \(Figures.grouped(bet)) differs from the one that the service has recorded"
        case .fewer(let bets, let recorded):
            "it has \(Figures.counted(bets, "valid bet")), and the service has recorded \(Figures.grouped(recorded)) of this agency"
        }
    }
}

/// A file that was not sent because of its invalid lines.
struct InvalidLines: Equatable, CustomStringConvertible {
    var path: String
    var bets: Int
    var count: Int
    var first: BetFileCheck.FirstInvalid?
    /// Nil if it could not be written.
    var list: String?

    var description: String {
        var text = "\(path): \(Figures.grouped(count)) of \(Figures.counted(bets + count, "line")) "
        text += count == 1 ? "is invalid" : "are invalid"
        text += ", and nothing was sent. "
        if let first {
            text += "Line \(Figures.grouped(first.line)), column \(first.fault.column): \(first.fault.fault). "
            if let form = first.form { text += "The file \(form). " }
        }
        if let list { text += "\(list) lists \(count == 1 ? "it" : "all of them"). " }
        text += "Correct the file and run the same command again"
        return bets == 0 ? text : text + ", or send the valid lines with --skip-invalid"
    }
}

/// A transient failure of a connection or attempt, after which the caller connects again.
struct ConnectionFailure: Error {
    var reason: String
}
