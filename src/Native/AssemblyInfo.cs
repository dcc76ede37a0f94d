using System.Runtime.CompilerServices;

// Blittable types only cross the border: no marshalling stubs, sizeof is the truth.
[assembly: DisableRuntimeMarshalling]
