/* SPDX-License-Identifier: ISC */
/*
 * The machine's fixed parts, compiled by iasl at build.  Numbers are those of
 * boot/layout.h; t_acpi compares.  Devices that a bus can find itself are not
 * here.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "VMD   ", "VMDDSDT ", 1)
{
	/* SLP_TYP for PM1a and PM1b. */
	Name (_S5, Package () { 5, 5, 0, 0 })

	Device (\_SB.PCI0)
	{
		Name (_HID, EisaId ("PNP0A03"))
		Name (_UID, Zero)
		Name (_BBN, Zero)
		Name (_CRS, ResourceTemplate ()
		{
			WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
			    0, 0x0000, 0x00FF, 0, 0x0100)
			IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
			WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
			    0, 0x0000, 0x0CF7, 0, 0x0CF8)
			WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
			    0, 0x0D00, 0xFFFF, 0, 0xF300)
			DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
			    NonCacheable, ReadWrite,
			    0, 0xC0000000, 0xFEBFFFFF, 0, 0x3EC00000)
		})
		/* INTA# of each slot, hardwired: LAYOUT_INTX_GSI. */
		Name (_PRT, Package ()
		{
			Package () { 0x0001FFFF, 0, Zero, 10 },
			Package () { 0x0002FFFF, 0, Zero, 10 },
			Package () { 0x0003FFFF, 0, Zero, 11 },
			Package () { 0x0004FFFF, 0, Zero, 11 },
			Package () { 0x0005FFFF, 0, Zero, 10 },
			Package () { 0x0006FFFF, 0, Zero, 10 },
			Package () { 0x0007FFFF, 0, Zero, 11 },
			Package () { 0x0008FFFF, 0, Zero, 11 },
			Package () { 0x0009FFFF, 0, Zero, 10 },
			Package () { 0x000AFFFF, 0, Zero, 10 },
			Package () { 0x000BFFFF, 0, Zero, 11 },
			Package () { 0x000CFFFF, 0, Zero, 11 },
			Package () { 0x000DFFFF, 0, Zero, 10 },
			Package () { 0x000EFFFF, 0, Zero, 10 },
			Package () { 0x000FFFFF, 0, Zero, 11 },
			Package () { 0x0010FFFF, 0, Zero, 11 },
			Package () { 0x0011FFFF, 0, Zero, 10 },
			Package () { 0x0012FFFF, 0, Zero, 10 },
			Package () { 0x0013FFFF, 0, Zero, 11 },
			Package () { 0x0014FFFF, 0, Zero, 11 },
			Package () { 0x0015FFFF, 0, Zero, 10 },
			Package () { 0x0016FFFF, 0, Zero, 10 },
			Package () { 0x0017FFFF, 0, Zero, 11 },
			Package () { 0x0018FFFF, 0, Zero, 11 },
			Package () { 0x0019FFFF, 0, Zero, 10 },
			Package () { 0x001AFFFF, 0, Zero, 10 },
			Package () { 0x001BFFFF, 0, Zero, 11 },
			Package () { 0x001CFFFF, 0, Zero, 11 },
			Package () { 0x001DFFFF, 0, Zero, 10 },
			Package () { 0x001EFFFF, 0, Zero, 10 },
			Package () { 0x001FFFFF, 0, Zero, 11 }
		})
	}

	/* Where the generation ID lies; 0: there is none.  acpi_build() sets it. */
	Name (\GIDA, 0x80000000)

	/* What drivers match is _CID: "Virtual Machine Generation ID", R2. */
	Device (\_SB.GENI)
	{
		Name (_HID, "VMDG0001")
		Name (_CID, "VM_Gen_Counter")
		Name (_DDN, "VM_Gen_Counter")
		Method (_STA)
		{
			If (\GIDA == Zero)
			{
				Return (Zero)
			}
			Return (0x0F)
		}
		/* Low half, high half. */
		Method (ADDR)
		{
			Local0 = Package (2) { Zero, Zero }
			Local0 [Zero] = \GIDA
			Return (Local0)
		}
	}

	Scope (\_GPE)
	{
		/* LAYOUT_GENID_GPE */
		Method (_E05)
		{
			Notify (\_SB.GENI, 0x80)
		}
	}

	Scope (\_SB.PCI0)
	{
		Device (ISA)
		{
			Name (_ADR, 0x00010000)
		}
	}

	Scope (\_SB.PCI0.ISA)
	{
		/* Ports of chips that no driver is to claim. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0080, 0x0080, 1, 1)
				IO (Decode16, 0x0092, 0x0092, 1, 1)
				IO (Decode16, 0x04D0, 0x04D0, 1, 2)
				IO (Decode16, 0x0600, 0x0600, 1, 16)
			})
		}
		/* fw_cfg, whose driver tells where the kernel's VMCOREINFO is. */
		Device (FWCF)
		{
			Name (_HID, "QEMU0002")
			Name (_STA, 0x0B)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0510, 0x0510, 1, 12)
			})
		}
		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0040, 0x0040, 1, 4)
				IRQNoFlags () { 0 }
			})
		}
		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}
	}
}
