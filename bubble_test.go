package tether_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// bubbled are the tests that run outside of bubbles as they stand, and could
// run inside. The next test but one keeps the list complete.
var bubbled = []func(*testing.T){
	TestAChildMayHaveAPanicHandlerOfItsOwn,
	TestACircleOfThreeGoroutinesDoesNotDeadlock,
	TestACleanupThatPanicsInATeardownThatComesDueByAnotherOnes,
	TestACleanupThatRunsInsideAFireMayDestroyTheNextHandlersOwner,
	TestAClosedSignalIsDead,
	TestAClosersErrorGoesUpToTheOwnerThatIsDestroyed,
	TestAClosureIsGarbageWhileAnOldFireStillWalksItsBlock,
	TestAConnectionMadeBeforeIsCalledByEveryFireWhateverMovesItMeanwhile,
	TestAConnectionOnADeadQueueIsNotAnActivity,
	TestAConnectionOnAQueueStandsWhenWhileActivePanics,
	TestAConnectionThatStandsAfterAPanicOfWhileActiveEndsWithItsQueue,
	TestADestroyedChildIsForgottenByItsParent,
	TestAFireOfAnyTypeAllocatesNothing,
	TestAHandlersPanicGoesOnToTheCallerOfFireWhenTheRestHasRun,
	TestAHeartbeatMayBeUsedFromManyGoroutines,
	TestAHundredThousandOwnersThreeDeepGoWithOneCall,
	TestAMutedOnceIsNotSpent,
	TestAOnceThatFindsNoRoomInAQueueIsNotSpent,
	TestAPanicGoesOnToTheCallerOfDrainWhenTheRestOfTheQueueIsHandled,
	TestAPanicHandlerThatPanicsDoesNotStopTheRest,
	TestAPanicInAnInterruptGoesOnAndTheTeardownCompletes,
	TestAPanicOfATeardownInsideAFireIsNotTheNextOwnersToSupervise,
	TestAPendingErrorListsAQueuedHandlerOnceAndByName,
	TestAQueueAllocatesNothingForItsValues,
	TestAQueueDropsOtherValuesBeforeThatOfASpentOnce,
	TestAQueueEndsItsConnectionsWhenItEnds,
	TestAQueueHandlesOneValueAtATimeUnderConcurrentFires,
	TestAQueueHandlesTheValuesOfSeveralSignalsInTheOrderOfFiring,
	TestAQueueOfADeadOwnerIsDead,
	TestAQueueSharedByConnectionsOfOneSignalKeepsTheirOrder,
	TestAQueuedHandlersClosureIsGarbageAtTheCutOff,
	TestATeardownInsideAFireMayPanicAndTheRestStillRuns,
	TestATimerOnItsWayAtTheCutOffIsWaitedForAndDoesNothing,
	TestAnOwnedGoroutineThatDestroysItsOwnerCompletesTheTeardownWhenItReturns,
	TestAnOwnerThatComesAndGoesAllocatesThreeTimes,
	TestCancelOfAQuietOwnerIsCompleteAtOnce,
	TestCancelUnderALockThatHandlersAndCleanupsWant,
	TestChildrenMadeAndDestroyedLeaveTheHeapFlat,
	TestCloseInTurn_ADestroyBeforeItsTurnLeavesTheSignalToItsTurn,
	TestCloseInTurn_ASignalMayBeFiredUntilItsTurn,
	TestCloseInTurn_ErrorsAndPanicsOfActiveAreThoseOfTheOwner,
	TestCloseInTurn_FiredAndConnectedWhileItEnds,
	TestCloseInTurn_GoroutinesThatWaitForEachOthersOwnersDoNotHang,
	TestCloseInTurn_OnADeadOwnerTheSignalIsClosed,
	TestConcurrentDrainsOfAQueueHandleEachValueOnce,
	TestConcurrentFiresRunConcurrently,
	TestConnectAndDisconnectAllocateTwiceAtMost,
	TestConnectDisconnectAndFireFromAllSidesKeepTheBooks,
	TestConnectDisconnectPairsLeaveBothBooksEmptyAndTheHeapFlat,
	TestConnectRacingDestroyLeavesNothingConnected,
	TestConnectSelfHandsTheHandlerItsConnection,
	TestConnectionsAreToldApartThoughTheirHandlersAreTheSame,
	TestContexts,
	TestCountDropped_MisusePanics,
	TestDestroyContextWithAnEndedContext,
	TestDestroyContext_GivesUpOnABlockedInterruptAndNamesIt,
	TestDestroyFromManyGoroutinesRunsCleanupsOnceAndAllWait,
	TestDestroyReturnsWhatClosersReturnedEveryTime,
	TestDestroy_DeferredUnderAHandlersPanicDoesNotWait,
	TestDestroy_InAPulledIteratorDoesNotWait,
	TestDestroy_IsABarrierThoughAnInterruptCallsGoexit,
	TestDestroy_IsABarrierThoughAnInterruptPanics,
	TestDestroy_TheErrorsOfWhatComesTooLateAreBounded,
	TestDisconnectIsTrueForTheCallThatDidIt,
	TestDrainDoesNotCountSkippedValuesOfAQueue,
	TestDrainHandlesWhatIsPendingInTheQueueWhenItIsCalled,
	TestDrainOfAQueueCountsTheCallsThatItMadeWhenAConnectionDiesMeanwhile,
	TestDrainRunsAQueuesHandlersOnItsCaller,
	TestEnded_CostsNothingBeforeItIsAskedFor,
	TestEnded_OfWhatWasNeverAliveIsClosed,
	TestErrorsThatCantBeComparedThoughTheirTypeCan,
	TestFinish_OfADeadOwnerIsDead,
	TestFinish_WithManualPanics,
	TestFireCallsHandlersInOrderOfConnection,
	TestFireDoesNotAllocate,
	TestFireIsDepthFirstAndReentrant,
	TestFireSynchronizesBeforeWaitAndValuesGetTheValue,
	TestFlushOfAnIdleQueueReturnsAtOnce,
	TestGoErr_AChildsErrorIsTheChildsUnlessItEndsWithItsParent,
	TestGoErr_EveryRealErrorIsJoined,
	TestGoErr_IsNamedByTheUsersFunctionAndSupervised,
	TestGoErr_OfConcurrentErrorsOneIsTheCauseAndAllAreTold,
	TestGoErr_RunReturnsItOnce,
	TestGoErr_RunThatGivesUpTellsIt,
	TestGoexitInAHandlerEndsTheFirersGoroutineWhenTheRestHasRun,
	TestGoroutinesTimersAndOncesThatAreOverLeaveNoTrace,
	TestHandle_TellsThePriorityOfAnOptionAndOfNoOther,
	TestHeartbeat_ZeroPanicsInTheNameOfTheCall,
	TestHigherPriorityComesFirstAndFirstConnectedWithinOne,
	TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAManualQueue,
	TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAValuesLoop,
	TestHold_AFireOfADyingOwnersTimerLetsGo,
	TestHold_AFireOnADeadOwnersGoroutineIsNotHeldAtAll,
	TestHold_AFireThatLetsGoLeavesTheRoomToOthers,
	TestHold_LeavesNothingInTheOwnerOfTheFirer,
	TestInsideAHandlerDestroyOfAQuietOwnerIsComplete,
	TestInsideAOnceItsOwnerHoldsNothingOfItAnyMore,
	TestInsideWhileActiveDestroyAndReconnectAreSafe,
	TestInterruptsRunOnceAtTheCutOffNewestFirst,
	TestManyNestedFiresUseMoreThanThePresenceTable,
	TestMisuseOfAHeartbeatPanics,
	TestMisuseOfAQueuePanics,
	TestMisuseOfOwnersPanicsBeforeAnythingChanges,
	TestMisuseOfSignalsPanicsBeforeAnythingChanges,
	TestMisuseOfWaitAndValuesPanics,
	TestMuteCountsAndNeverRevives,
	TestNestedCleanupsUnwindNoOwnerTwice,
	TestNestedFiresCompleteTheTeardownWithTheOutermostCall,
	TestNewSource_IfConnectingFailsNothingIsLeft,
	TestNewSource_MisusePanicsBeforeTheFunctionIsCalled,
	TestNewSource_OnceIsCalledOnceUnderConcurrentFires,
	TestNewSource_OnceIsForTheFirstValueThatPasses,
	TestNewSource_OncesThatComeAndGoLeaveNothing,
	TestNoFireThatBeginsAfterDisconnectCallsTheHandler,
	TestNotify_AValueFiredInADrainWakes,
	TestNotify_MisusePanicsBeforeAnythingChanges,
	TestNotify_TheFirstValueAfterEachDrainWakes,
	TestNotify_WakeIsGarbageWhenTheQueueHasEnded,
	TestOnLost_AFunctionIsGarbageOnceItWasTakenBack,
	TestOnceIsCalledExactlyOnceUnderConcurrentAndNestedFires,
	TestOwnBlocking_IsClosedBeforeAndOwnAfterWhatRuns,
	TestOwnBlocking_ReturnsItsArgumentAndIsNamedWhileItRuns,
	TestOwn_OfAnyKindOfNilPanicsAtTheCall,
	TestParentAndChildDestroyedAtOnce,
	TestPathsNamesAndParents,
	TestPrioritiesThatNobodyHasLeaveNoTrace,
	TestQueue_AFlushThatWasGivenUpOnIsForgotten,
	TestRunLeavesBothItsContexts,
	TestRun_IsABarrierThoughAHandlerOfItsFunctionPanics,
	TestRun_ItsOwnerIsAmongTheRootsWhileItRuns,
	TestSignal_NilPanicsInTheNameOfTheCall,
	TestStaged_ADeepChainOfStagedOwnersEndsWithoutRecursion,
	TestStaged_ADestroyContextThatGivesUpCutsOffAllAndSaysWhatRuns,
	TestStaged_APanicOfACleanupGoesOnWhenTheStagesAreOver,
	TestStaged_BornOfAnEndedContextItIsBornEnded,
	TestStaged_ErrorsOfAllStagesAreToldOnceEach,
	TestStaged_FiredIntoCancelledAndDestroyedFromManyGoroutines,
	TestStaged_GoroutinesThatWaitForEachOthersOwnersDoNotHang,
	TestStaged_ItIsNotLostWhileItsStagesRunElsewhere,
	TestStaged_OnlyNewChildRefusesWhileTheStagesRun,
	TestStaged_RunWithGraceCutsOffWhatTheStagesHaveNotReached,
	TestStaged_TheContextHasNoDeadlineAndRunGivesTheStagesItsCause,
	TestStaged_WhatTheOwnerItselfHoldsLivesUntilItsOwnCutOff,
	TestStaged_WhereNothingRunsDestroyInAHandlerIsComplete,
	TestStatsCountTheSubtree,
	TestStoppedAndFinishedFunctionsAreGarbage,
	TestThePendingTeardownCompletesBeforeAnotherOwnersHandlerRuns,
	TestTheZeroConnectionIsDead,
	TestTwoGoroutinesThatDestroyEachOthersOwnersDoNotDeadlock,
	TestTwoHandlersThatDestroyEachOthersOwnersDoNotDeadlock,
	TestUnattended_IsNotReportedWhenItIsGarbage,
	TestUnwindRunsChildrenAndCleanupsNewestFirst,
	TestValuesOfManyFirersLosesNothing,
	TestWaitAndValues_OfAnyKindOfNilSourcePanicAtTheCall,
	TestWait_GoroutinesOfARingOfOwnersDoNotDeadlock,
	TestWait_LeavesNothingOnAConnectionThatAWrapperShares,
	TestWhatRunsAtOnceOnAnEndedOwnerIsGarbageThough,
	TestWhileActiveNeverOverlapsUnderConcurrency,
}

// A channel, timer or WaitGroup that is made in one bubble and used in another
// is a fatal error: so every test runs in two.
func TestTheSuiteRunsInTwoBubblesAfterAnother(t *testing.T) {
	for range 2 {
		for _, f := range bubbled {
			name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
			t.Run(name[strings.LastIndexByte(name, '.')+1:], func(t *testing.T) { synctest.Test(t, f) })
		}
	}
}

// What keeps a test out of a bubble: being in bubbles already, subtests, the
// network, other processes, counts that are the whole process's, and a clock of
// the machine's, or spinning on it.
var unbubbled = []string{"synctest.", "t.Run(", "net.", "crash(", "alone(", "captureLogs(", "GOMAXPROCS", "bubbled", "inBubble(", "eachHostile(", "orphaned(", "m=+", "racing(", "chainOf(depth", "destroysInside(", "var o order", "testing.Short() || raceEnabled"}

func TestTheListOfBubbledTestsIsComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range bubbled {
		name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
		listed[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, src, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			body := string(src[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset])
			want := true
			for _, s := range unbubbled {
				want = want && !strings.Contains(body, s)
			}
			require.Equal(t, want, listed[f.Name.Name], "%s: in the list of bubbled tests", f.Name.Name)
		}
	}
}
