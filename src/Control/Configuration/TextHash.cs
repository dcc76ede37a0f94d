using System.Buffers.Binary;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;

namespace LowLatency.Control.Configuring;

/// <summary>SHA-256 (FIPS 180-4) of a text's UTF-8 bytes, as <c>sha256sum</c> prints it of the file. Managed
/// code: the platform's own needs OpenSSL on the host, and a program without it ends there.</summary>
internal static class TextHash
{
    /// <summary>Bytes of a hash.</summary>
    public const int Bytes = 32;

    /// <summary>Writes the hash.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="target">Takes <see cref="Bytes"/> bytes.</param>
    public static void Write(string text, Span<byte> target)
    {
        Sha256Digest digest = new();
        digest.BlockUpdate(Encoding.UTF8.GetBytes(text));
        digest.DoFinal(target);
    }

    /// <summary>The hash of a file, as 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static string OfFile(string path)
    {
        Sha256Digest digest = new();
        byte[] buffer = new byte[65536];
        using FileStream file = File.OpenRead(path);
        for (int count; (count = file.Read(buffer)) > 0;)
        {
            digest.BlockUpdate(buffer.AsSpan(0, count));
        }

        Span<byte> hash = stackalloc byte[Bytes];
        digest.DoFinal(hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>The first 64 bits of the hash of bytes, never 0: tells one content from another.</summary>
    public static ulong Of64(ReadOnlySpan<byte> bytes)
    {
        Sha256Digest digest = new();
        digest.BlockUpdate(bytes);
        Span<byte> hash = stackalloc byte[Bytes];
        digest.DoFinal(hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash) | 1;
    }

    /// <summary>The hash as 64 lower-case hexadecimal digits.</summary>
    public static string Of(string text)
    {
        Span<byte> hash = stackalloc byte[Bytes];
        Write(text, hash);
        return Convert.ToHexStringLower(hash);
    }
}
