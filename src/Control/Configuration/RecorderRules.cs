using LowLatency.Native.Layout;

namespace LowLatency.Control.Configuring;

/// <summary>What must hold of [[recorder]], whatever the host. Pure.</summary>
internal static class RecorderRules
{
    /// <summary>Adds what is wrong.</summary>
    public static void Check(Configuration configuration, Findings findings)
    {
        PortRules.Unique(configuration.Recorders.Select(recorder => recorder.Section), "recorder", findings);
        foreach (RecorderConfiguration recorder in configuration.Recorders)
        {
            CheckOne(configuration, recorder, findings);
        }
    }

    private static void CheckOne(
        Configuration configuration, RecorderConfiguration recorder, Findings findings)
    {
        Section section = recorder.Section;
        const long least = RecorderSettings.FileBytesMin;
        if (section.IsGood("file_size")
            && section.Get<long>("file_size") is < least or > RecorderSettings.FileBytesMax)
        {
            findings.Error(section.At("file_size"), $"must be from {least >> 20}MiB to "
                + $"{RecorderSettings.FileBytesMax >> 30}GiB", "Write file_size = \"1GiB\", for example.");
        }

        if (section.IsGood("buffer") && (recorder.BufferBytes < 4L << 20 || recorder.BufferBytes > 1L << 30))
        {
            findings.Error(section.At("buffer"), "must be from 4MiB to 1GiB",
                "Write buffer = \"64MiB\", for example.");
        }

        if (section.Has("keep") && section.IsGood("keep") && section.IsGood("file_size")
            && section.Get<long>("keep") < section.Get<long>("file_size"))
        {
            findings.Error(section.At("keep"), "is less than one file may have (file_size)",
                "Keep at least two files' worth.");
        }

        if (section.IsGood("name") && configuration.Lanes.FirstOrDefault(lane => lane.Section.IsGood("name")
            && lane.Name == recorder.Name) is { } lane)
        {
            findings.Error(section.At("name"), $"a lane has this name already (line "
                + $"{lane.Section.At("name").Line})", "A recorder is a lane, too: name it otherwise.");
        }

        if (recorder.Section.Has("cpu") && section.IsGood("cpu")
            && CpuRules.ForwardSeats(configuration).FirstOrDefault(seat => seat.Cpu == recorder.Cpu) is
                { Place.Line: > 0 } seat)
        {
            findings.Error(section.At("cpu"), $"is a lane's CPU (line {seat.Place.Line}): a recorder never "
                + "leaves its CPU idle", "Give it another, or none: then it sleeps on a housekeeping CPU.");
        }

        if (section.IsGood("name") && !configuration.Lanes.SelectMany(lane => lane.Stages)
            .Any(stage => stage.Kind == StageKind.Record && stage.Section.GetOr("recorder", "") == recorder.Name))
        {
            findings.Error(section.At("name"), "no record stage names it",
                $"Add [[lane.stage]] kind = \"record\" with recorder = \"{recorder.Name}\", or remove it.");
        }
    }
}
